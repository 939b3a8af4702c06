//! The only spawner, and the way everything ends.
//!
//! In the path: `main` makes one [`Shutdown`] and hands clones down. Whoever starts a task does it
//! here; whoever waits for something long also waits for [`Shutdown::cancelled`].
//!
//! Invariants: no task is started that nobody waits for. A panic ends the task it happened in, is
//! logged with the task's name and counted; it never ends the process.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A cancellation token and the list of running tasks. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
    panics: Arc<AtomicU64>,
}

/// How a [`Shutdown::drain`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Tasks that were still running when the time was over; zero is a clean end.
    pub left: usize,
}

/// A task that was waited for panicked; the panic is logged and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task panicked")]
pub struct Panicked;

impl Shutdown {
    /// A server that runs.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Starts a task that [`Shutdown::drain`] waits for. The name is for the log.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let panics = Arc::clone(&self.panics);
        self.tasks.spawn(async move {
            // What the task shared with others is behind locks that survive a panic.
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(task = name, "a task panicked and was ended");
            }
        })
    }

    /// Runs a task and waits for what it gives. A caller that is dropped leaves the task running: what was
    /// begun in the store is ended although the visitor has hung up.
    ///
    /// # Errors
    /// When the task panicked.
    pub async fn finish<F>(&self, name: &'static str, task: F) -> Result<F::Output, Panicked>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        self.spawn(name, async move {
            // Nobody waits any more: the task was run for what it does.
            let _ = done.send(task.await);
        });
        outcome.await.map_err(|_| Panicked)
    }

    /// Tells everybody to end. Does not wait.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Is the server ending?
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when the server begins to end.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// A token that is cancelled with the server, and that its owner may cancel alone before.
    pub fn child_token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Tasks that run now.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// A panic was caught elsewhere: in a handler, or in a bot's turn.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Panics since the start.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Tells everybody to end and waits for the tasks, at most `deadline`.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.cancel();
        self.tasks.close();
        // Too late is an outcome, not an error: the caller logs how many were left.
        let _ = tokio::time::timeout(deadline, self.tasks.wait()).await;
        Drained {
            left: self.tasks.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_waits_for_tasks_that_heed_the_signal() {
        let shutdown = Shutdown::new();
        let seen = shutdown.clone();
        shutdown.spawn("polite", async move { seen.cancelled().await });
        assert_eq!(shutdown.running(), 1);
        assert_eq!(
            shutdown.drain(Duration::from_secs(5)).await,
            Drained { left: 0 }
        );
        assert!(shutdown.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn drain_gives_up_at_its_deadline_and_says_how_many_are_left() {
        let shutdown = Shutdown::new();
        shutdown.spawn("stubborn", std::future::pending());
        assert_eq!(
            shutdown.drain(Duration::from_secs(10)).await,
            Drained { left: 1 }
        );
    }

    #[tokio::test]
    async fn a_panic_ends_its_task_only_and_is_counted() {
        let shutdown = Shutdown::new();
        let task = shutdown.spawn("unlucky", async { panic!("on purpose") });
        assert!(task.await.is_ok());
        assert_eq!(shutdown.panics(), 1);
        assert!(!shutdown.is_cancelled());
    }

    #[tokio::test]
    async fn what_is_to_be_finished_outlives_whoever_waits_for_it() {
        let shutdown = Shutdown::new();
        let (go, wait) = oneshot::channel::<u8>();
        let mut waiting = Box::pin(shutdown.finish("duty", wait));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        tokio::task::yield_now().await;
        assert_eq!(go.send(7), Ok(()), "the task still waits");
        assert_eq!(shutdown.finish("duty", async { 7 }).await, Ok(7));
        let unlucky = shutdown.finish::<_>("unlucky", async { panic!("on purpose") });
        assert_eq!(unlucky.await.map(|()| 0), Err(Panicked));
    }

    #[tokio::test]
    async fn a_child_token_ends_with_the_server_but_not_the_other_way_round() {
        let shutdown = Shutdown::new();
        let child = shutdown.child_token();
        child.cancel();
        assert!(!shutdown.is_cancelled());
        let second = shutdown.child_token();
        shutdown.cancel();
        assert!(second.is_cancelled());
    }
}
