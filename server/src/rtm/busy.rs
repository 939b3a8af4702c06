//! The conversations that are being answered in this process.
//!
//! In the path: `answers` claims a conversation before it works on its jobs, and leaves new jobs here for the task that
//! has the claim.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::records::ConversationId;
use crate::store::Job;

/// The conversations that are being answered here, each with what was stored since its task last looked.
#[derive(Debug, Default)]
pub(super) struct Busy(Mutex<HashMap<ConversationId, Unseen>>);

/// What a task has not seen yet.
#[derive(Debug, Default)]
pub(super) enum Unseen {
    /// Nothing.
    #[default]
    Nothing,
    /// This job. No other job stood before it when it was stored.
    Job(Box<Job>),
    /// Several jobs: the store knows which.
    Something,
}

impl Busy {
    /// How many there are. In a store that nodes share, each has a lease.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Unseen>> {
        // Nothing in the critical sections can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
