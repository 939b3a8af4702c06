//! A value that is replaced as a whole while others read it.
//!
//! In the path: everything that SIGHUP reads again (apps, bots, keys) is behind one of these.
//!
//! Invariant: a reader keeps the value that it began with, so nothing changes in the middle of a request.

use std::sync::{Arc, PoisonError, RwLock};

/// The current value.
#[derive(Debug)]
pub struct Swap<T>(RwLock<Arc<T>>);

impl<T> Swap<T> {
    /// Starts with this value.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// The current value.
    pub fn get(&self) -> Arc<T> {
        // Nothing under the lock can panic.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value.
    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_what_it_began_with() {
        let swap = Swap::new(1);
        let before = swap.get();
        swap.replace(2);
        assert_eq!((*before, *swap.get()), (1, 2));
    }
}
