//! The first second: what a visitor types before the wasm is there.
//!
//! In the path: `frontend/scripts/page/early.ts` keeps what was sent in that time; `transport/keep.rs` takes over from it.

/// Where a tab keeps the messages that were not acknowledged yet: the same name in `early.ts`.
pub fn storage_key(path: &str) -> String {
    format!("unsent:{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsent_messages_are_kept_under_the_name_that_the_script_knows() {
        assert_eq!(storage_key("/chat/demo"), "unsent:/chat/demo");
    }
}
