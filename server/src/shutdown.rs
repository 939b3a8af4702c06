//! The only spawner of tasks, and the way in which everything ends.
//!
//! In the path: `main` makes one [`Shutdown`] and hands clones down. Tasks are started only here. Whoever waits for
//! long also waits for [`Shutdown::cancelled`].
//!
//! Invariants: every started task is waited for. A panic ends only its task, is logged with the task's name, and
//! counted. It never ends the process.

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
    /// The number of tasks that were still running when the time was over. Zero is a clean end.
    pub left: usize,
}

/// A task that was waited for has panicked. The panic is logged and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task panicked")]
pub struct Panicked;

impl Shutdown {
    /// For a server that runs.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Starts a task that [`Shutdown::drain`] waits for. The name is for the log.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(self.guarded(name, task))
    }

    /// The task, whose panic ends nothing else. It is no async block, because that would hold the task twice: as it was
    /// captured, and as it is awaited.
    fn guarded<F>(&self, name: &'static str, task: F) -> impl Future<Output = ()> + use<F>
    where
        F: Future<Output = ()>,
    {
        let panics = Arc::clone(&self.panics);
        // What the task shared with others is behind locks that survive a panic.
        AssertUnwindSafe(task).catch_unwind().map(move |ended| {
            if ended.is_err() {
                panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(task = name, "a task panicked and was ended");
            }
        })
    }

    /// Runs a task and waits for its result. If the caller is dropped, the task runs on: what was begun in the store is
    /// finished even if the visitor has hung up.
    ///
    /// # Errors
    /// If the task panicked.
    pub async fn finish<F>(&self, name: &'static str, task: F) -> Result<F::Output, Panicked>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let told = task.map(|outcome| {
            // Nobody waits any more. The task has done its work anyway.
            let _ = done.send(outcome);
        });
        self.spawn(name, told);
        outcome.await.map_err(|_| Panicked)
    }

    /// Tells all tasks to end. It does not wait.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether the server is shutting down.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when the shutdown begins.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// A token that is cancelled at the shutdown, or by its owner before.
    pub fn child_token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// The number of running tasks.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Counts a panic that was caught elsewhere: in a handler, or in a bot's turn.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of panics since the start.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Tells all tasks to end, and waits for them, at most until the deadline.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.cancel();
        self.tasks.close();
        // A time-out is a result, and not an error. The caller logs how many tasks were left.
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

    #[test]
    fn what_surrounds_a_task_is_small() {
        let large = std::future::ready([0_u8; 1024]).map(drop);
        let bare = size_of_val(&large);
        let guarded = size_of_val(&Shutdown::new().guarded("large", large));
        assert!(
            guarded < bare + 64,
            "{guarded} bytes in the place of {bare}"
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
