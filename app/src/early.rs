//! The first second: what a visitor types before the wasm is there.
//!
//! In the path: `frontend/scripts/page/early.ts` keeps the messages of that time, and `transport/keep.rs` takes them
//! over.

#[cfg(any(target_arch = "wasm32", test))]
use protocol::session::Outgoing;

/// The key under which a tab stores unacknowledged messages. `early.ts` uses the same.
pub fn storage_key(path: &str) -> String {
    format!("unsent:{path}")
}

/// The messages from before the wasm was there: those that the tab `stored`, now or before a reload, and those that the
/// script hands over from its memory, because a browser may refuse storage.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn unsent(stored: Vec<Outgoing>, from_memory: Vec<Outgoing>) -> Vec<Outgoing> {
    let mut unsent = stored;
    for message in from_memory {
        if unsent.iter().all(|other| other.id != message.id) {
            unsent.push(message);
        }
    }
    unsent
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::message::UserBody;

    #[test]
    fn what_the_tab_stored_and_the_script_remembers_is_said_once_and_in_order() {
        let said = |id| Outgoing::new(id, UserBody::text(format!("message {id}")));
        // It was tried before the reload, and the stored one shows that.
        let tried = Outgoing {
            sends: 1,
            ..said(2)
        };
        let ids = |unsent: &[Outgoing]| unsent.iter().map(|it| it.id).collect::<Vec<_>>();
        let both = unsent(vec![said(1), tried.clone()], vec![said(2), said(3)]);
        assert_eq!(ids(&both), [1, 2, 3]);
        assert_eq!(both[1], tried);
        // Storage is refused.
        assert_eq!(ids(&unsent(vec![], vec![said(4)])), [4]);
    }

    #[test]
    fn unsent_messages_are_kept_under_the_name_that_the_script_knows() {
        assert_eq!(storage_key("/chat/demo"), "unsent:/chat/demo");
    }
}
