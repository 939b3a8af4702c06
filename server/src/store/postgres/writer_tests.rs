//! The order of sending, without a server.

use std::cell::RefCell;

use super::*;

#[tokio::test]
async fn everything_is_sent_in_order_before_the_first_answer_is_waited_for() {
    let sent = RefCell::new(Vec::new());
    let (go, wait) = oneshot::channel::<()>();
    let first = async {
        sent.borrow_mut().push(0);
        wait.await.expect("it goes on");
    };
    let others: Vec<_> = (1..=100)
        .map(|number| {
            let sent = &sent;
            Box::pin(async move {
                sent.borrow_mut().push(number);
                tokio::task::yield_now().await;
                number
            })
        })
        .collect();
    let all = in_order(first, others);
    let release = async {
        assert_eq!(*sent.borrow(), (0..=100).collect::<Vec<_>>());
        go.send(()).expect("it waits");
    };
    let (((), answers), ()) = tokio::join!(all, release);
    assert_eq!(answers, (1..=100).collect::<Vec<_>>());
}
