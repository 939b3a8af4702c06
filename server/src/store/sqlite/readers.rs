//! A few threads that read, each with its own connection.
//!
//! In the path: every reading method of the store. WAL lets them read the last committed state
//! while the writer writes, so a page of history never waits for a sync.
//!
//! Invariants: a read sees everything that was committed before it was requested. At most [`MAX_WAITING`] reads wait;
//! more callers wait in line outside.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::store::StoreError;

/// The most reads that are running or waiting for a thread. A read takes a fraction of a millisecond, so this is a few
/// milliseconds of work.
const MAX_WAITING: usize = 256;

type Work = Box<dyn FnOnce(&Connection) + Send>;

/// Sends work to the threads. Dropping it ends the threads once they have finished what waits.
pub(super) struct Readers {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    /// One permit for each thread that has ended and closed its connection.
    ended: Arc<Semaphore>,
    threads: u32,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Work> {
        let mut queue = self.lock();
        loop {
            if let Some(work) = queue.waiting.pop_front() {
                return Some(work);
            }
            if queue.closed {
                return None;
            }
            queue = self
                .ready
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Readers {
    /// Starts one thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> Result<Readers, StoreError> {
        let mut readers = Readers {
            shared: Arc::default(),
            room: Arc::new(Semaphore::new(MAX_WAITING)),
            ended: Arc::new(Semaphore::new(0)),
            threads: 0,
        };
        for connection in connections {
            let (shared, ended) = (Arc::clone(&readers.shared), Arc::clone(&readers.ended));
            let serve = move || {
                while let Some(work) = shared.next() {
                    // The caller of a read that panics sees a closed channel; the thread goes on.
                    let _ = catch_unwind(AssertUnwindSafe(|| work(&connection)));
                }
                drop(connection);
                ended.add_permits(1);
            };
            thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(serve)
                .map_err(|error| StoreError::Unavailable {
                    reason: error.to_string(),
                })?;
            readers.threads += 1;
        }
        Ok(readers)
    }

    /// Runs `work` on one of the threads.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move |connection: &Connection| {
            // Nobody waits any more, so there is no need to read.
            if !reply.is_closed() {
                let _ = reply.send(work(connection));
            }
            drop(permit);
        });
        {
            let mut queue = self.shared.lock();
            if queue.closed {
                return Err(StoreError::Closed);
            }
            queue.waiting.push_back(work);
        }
        self.shared.ready.notify_one();
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Refused {
                reason: "reading it panicked".to_owned(),
            })
        })
    }

    /// Ends the threads once they have finished what waits, and waits for them. Later reads are refused.
    pub(super) async fn stop(&self) {
        self.close();
        // The permits are given back, so a second stop does not wait.
        let _ = self.ended.acquire_many(self.threads).await;
    }

    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.ready.notify_all();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}
