//! The conversations that are being answered in this process.
//!
//! In the path: `answers` claims one before it works on its jobs, and leaves what is new for whoever has it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::records::ConversationId;
use crate::store::Job;

/// The conversations that are being answered here, and what was stored since the task looked.
#[derive(Debug, Default)]
pub(super) struct Busy(Mutex<HashMap<ConversationId, Unseen>>);

/// What a task does not know yet.
#[derive(Debug, Default)]
pub(super) enum Unseen {
    /// Nothing.
    #[default]
    Nothing,
    /// This job, before which none stood when it was stored.
    Job(Box<Job>),
    /// Something: the store knows what.
    Something,
}

impl Busy {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Unseen>> {
        // Nothing in the critical sections can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
