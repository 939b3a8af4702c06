//! The visible list: one row for each message, in order, and no message twice.
//!
//! In the path: [`crate::session`] says what came and what went, and the widget shows the rows.
//!
//! # Invariants
//! - A message is in the list once, however often and on whichever way it comes: live, replayed after a reconnect, in
//!   the history, or as the echo of what this widget sent itself. Two messages that the server has named are two, even
//!   with the same id of the client.
//! - Rows with a sequence stand in its order. A row of the visitor that is on its way stands at the end until the
//!   server has given it a position. A failed row stays where it failed.
//! - A streamed answer stays where it began (see [`PieceOutcome`]), also when it is stored later than what was said in
//!   the meantime. So the order on the screen is the order after a reload.

mod entry;
mod streaming;

pub use entry::{Author, Delivery, Entry, own_key};
pub use streaming::{MAX_JOINED_BYTES, PieceOutcome};

/// The rows, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    entries: Vec<Entry>,
    /// The last piece of a streaming row ended inside a character.
    half: Option<streaming::Half>,
}

impl Transcript {
    /// A list of the rows that the page came with.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut transcript = Self::default();
        for entry in entries {
            transcript.insert(entry);
        }
        transcript
    }

    /// The rows, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes the rows out of the list.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The smallest sequence shown: older pages come before it.
    #[must_use]
    pub fn first_seq(&self) -> Option<u64> {
        self.entries.iter().filter_map(|entry| entry.seq).min()
    }

    /// Puts a message where it belongs. False: the list had it already; then it only takes over the sequence and the
    /// delivery state. A row that was streaming until now counts as new.
    pub fn insert(&mut self, entry: Entry) -> bool {
        self.put(entry, false)
    }

    /// Puts in a message that a frame has brought. If the platform does not count, frames come in the order in which
    /// they are shown (`docs/kore-protocol.md` 4.6), because its clock cannot be compared with this browser's.
    pub fn arrive(&mut self, entry: Entry) -> bool {
        self.put(entry, true)
    }

    fn put(&mut self, mut entry: Entry, live: bool) -> bool {
        if let Some(at) = self.find(&entry) {
            let known = &mut self.entries[at];
            let is_new = known.seq.is_none() && entry.seq.is_some();
            if known.message_id.is_none() && known.seq == entry.seq {
                known.at_ms = entry.at_ms;
            }
            let grew = known.delivery == Delivery::Streaming;
            known.message_id = known.message_id.take().or(entry.message_id);
            if matches!(entry.delivery, Delivery::Sent | Delivery::Stopped) {
                if grew || known.seq.is_none() && known.delivery == Delivery::Stopped {
                    known.content = entry.content;
                    known.at_ms = entry.at_ms;
                }
                // What somebody has read stays read.
                if !known.delivery.is_stored() {
                    known.delivery = entry.delivery;
                }
            }
            let ended = grew && known.delivery != Delivery::Streaming;
            if is_new {
                known.seq = entry.seq;
                known.behind = entry.behind;
                let known = self.entries.remove(at);
                let at = self.index_for(&known);
                self.entries.insert(at, known);
            }
            return ended;
        }
        if self.entries.iter().any(|known| known.key == entry.key) {
            // This is the same id of a client with other words.
            let unlike = match (&entry.message_id, entry.seq) {
                (Some(id), _) => id.clone(),
                (None, seq) => seq.unwrap_or_default().to_string(),
            };
            entry.key = [&entry.key, "-", &unlike].concat();
        }
        let at = match entry.delivery {
            Delivery::Sent | Delivery::Stopped if live && entry.seq.is_none() => {
                self.end_of_stored()
            }
            _ => self.index_for(&entry),
        };
        self.entries.insert(at, entry);
        true
    }

    /// The server has stored the visitor's message. False: no such row was waiting.
    pub fn delivered(&mut self, key: &str, seq: Option<u64>, message_id: Option<String>) -> bool {
        let Some(at) = self.entries.iter().rposition(|entry| entry.key == key) else {
            return false;
        };
        let mut entry = self.entries.remove(at);
        entry.delivery = Delivery::Sent;
        entry.seq = entry.seq.or(seq);
        entry.message_id = entry.message_id.or(message_id);
        let at = if entry.seq.is_some() {
            self.index_for(&entry)
        } else {
            at
        };
        self.entries.insert(at, entry);
        true
    }

    /// Marks a row of the visitor as on its way again, or as failed.
    pub fn mark(&mut self, key: &str, delivery: Delivery) {
        let Some(at) = self.entries.iter().rposition(|entry| entry.key == key) else {
            return;
        };
        self.entries[at].delivery = delivery;
        if delivery == Delivery::Sending {
            // It will be stored after everything that is there now.
            let entry = self.entries.remove(at);
            let at = self.index_for(&entry);
            self.entries.insert(at, entry);
        }
    }

    /// A person received or read this stored row of the visitor, or all rows (`None`). False: that was known.
    pub fn received(&mut self, key: Option<&str>, how_far: Delivery) -> bool {
        let mut is_new = false;
        for entry in &mut self.entries {
            let meant = entry.author == Author::Visitor && key.is_none_or(|key| entry.key == key);
            let further = match entry.delivery {
                Delivery::Sent => true,
                Delivery::Delivered => how_far == Delivery::Read,
                _ => false,
            };
            if meant && further {
                entry.delivery = how_far;
                is_new = true;
            }
        }
        is_new
    }

    /// Takes a row out (Delete on a failed message).
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|entry| entry.key != key);
    }

    /// Keeps so many of the newest rows; of those before them only what the server has not stored. False: there was nothing
    /// to let go.
    pub fn keep_newest(&mut self, count: usize) -> bool {
        let surplus = self.entries.len().saturating_sub(count);
        let before = self.entries.len();
        let mut index = 0;
        self.entries.retain(|entry| {
            index += 1;
            index > surplus || !entry.delivery.is_stored()
        });
        self.entries.len() < before
    }

    /// Starts again with the newest page of the server, which ends at `last_seq`, because what was missed could not be
    /// replayed. Rows that are not stored yet stay, and so do rows that came after the page.
    pub fn replace(&mut self, page: Vec<Entry>, last_seq: Option<u64>) {
        let stays = |entry: &Entry| match entry.seq {
            Some(seq) => Some(seq) > last_seq,
            None => !entry.delivery.is_stored(),
        };
        let staying: Vec<_> = self.entries.drain(..).filter(stays).collect();
        for entry in page.into_iter().chain(staying) {
            self.insert(entry);
        }
    }

    /// All messages: those that the server has stored, oldest first, and those that only this list has. The list is
    /// sorted once, because inserting rows one by one takes minutes for a long conversation.
    #[must_use]
    pub fn with_all(&self, stored: Vec<Entry>) -> Vec<Entry> {
        let mut all = stored;
        let is_known = |row: &&Entry| {
            let same_id =
                |known: &Entry| known.message_id.is_some() && known.message_id == row.message_id;
            all.iter()
                .any(|known| known.key == row.key || same_id(known))
        };
        let missing = self.entries.iter().filter(|row| !is_known(row)).cloned();
        let (placed, waiting): (Vec<_>, Vec<_>) = missing.partition(|row| row.sort_key().is_some());
        all.extend(placed);
        if all.iter().all(|row| row.sort_key().is_some()) {
            all.sort_by_key(Entry::sort_key);
        }
        all.extend(waiting);
        all
    }

    fn find(&self, entry: &Entry) -> Option<usize> {
        self.entries.iter().rposition(|known| known.is(entry))
    }

    /// The index at which a row goes in. A row with a key (see [`Entry::sort_key`]) goes behind the last smaller one.
    /// Without a key, a row that is on its way or begins to stream goes to the end, and a stored row (of a platform
    /// that does not count) goes by its time.
    fn index_for(&self, entry: &Entry) -> usize {
        match entry.sort_key() {
            Some(key) => {
                let smaller = |known: &Entry| known.sort_key().is_some_and(|known| known < key);
                let after = self
                    .entries
                    .iter()
                    .rposition(smaller)
                    .map_or(0, |at| at + 1);
                let greater = |known: &Entry| known.sort_key().is_some_and(|known| known > key);
                // Rows without a key in between (failed ones) came before it.
                let before = self
                    .entries
                    .iter()
                    .position(greater)
                    .unwrap_or_else(|| self.end_of_stored());
                after.max(before)
            }
            None if matches!(
                entry.delivery,
                Delivery::Sending | Delivery::Failed | Delivery::Streaming
            ) =>
            {
                self.entries.len()
            }
            None => {
                let later = |known: &Entry| known.at_ms > entry.at_ms;
                let earlier = self.entries[..self.end_of_stored()]
                    .iter()
                    .rposition(|known| !later(known));
                earlier.map_or(0, |at| at + 1)
            }
        }
    }

    /// The index of the first row that is on its way.
    fn end_of_stored(&self) -> usize {
        let mut entries = self.entries.iter();
        let last = entries.rposition(|known| known.delivery != Delivery::Sending);
        last.map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;
    use crate::message::UserBody;

    fn bot(seq: u64) -> Entry {
        Entry {
            key: format!("ms-{seq}"),
            author: Author::Bot,
            at_ms: 1000 - seq,
            content: Content::text(""),
            delivery: Delivery::Sent,
            seq: Some(seq),
            behind: None,
            message_id: Some(format!("ms-{seq}")),
            agent: None,
        }
    }

    fn keys(transcript: &Transcript) -> Vec<&str> {
        transcript
            .entries()
            .iter()
            .map(|entry| entry.key.as_str())
            .collect()
    }

    #[test]
    fn orders_by_sequence_whatever_the_clock_and_the_arrival() {
        let mut transcript = Transcript::default();
        for seq in [3, 1, 2, 3, 5, 4, 1] {
            transcript.insert(bot(seq));
        }
        assert_eq!(keys(&transcript), ["ms-1", "ms-2", "ms-3", "ms-4", "ms-5"]);
    }

    #[test]
    fn what_is_on_its_way_stays_last_and_then_takes_its_place() {
        let mut transcript = Transcript::new(vec![bot(1)]);
        transcript.insert(Entry::own(7, &UserBody::text("hi"), 5));
        transcript.insert(bot(2));
        assert_eq!(keys(&transcript), ["ms-1", "ms-2", "own-7"]);
        assert!(transcript.delivered("own-7", Some(3), Some("ms-u".into())));
        transcript.insert(bot(4));
        assert_eq!(keys(&transcript), ["ms-1", "ms-2", "own-7", "ms-4"]);
        assert_eq!(transcript.entries()[2].delivery, Delivery::Sent);
    }

    #[test]
    fn a_long_list_lets_go_what_the_server_has() {
        let mut transcript = Transcript::new((1..=6).map(bot).collect());
        transcript.insert(Entry::own(7, &UserBody::text("hi"), 5));
        transcript.mark("own-7", Delivery::Failed);
        for seq in 8..=10 {
            transcript.insert(bot(seq));
        }
        assert!(!transcript.keep_newest(10));
        assert!(transcript.keep_newest(5));
        assert_eq!(
            keys(&transcript),
            ["ms-6", "own-7", "ms-8", "ms-9", "ms-10"]
        );
        assert!(transcript.keep_newest(1));
        assert_eq!(keys(&transcript), ["own-7", "ms-10"]);
        // They come back as older ones.
        assert!(transcript.insert(bot(6)));
        assert_eq!(transcript.first_seq(), Some(6));
    }

    #[test]
    fn an_own_message_that_comes_back_is_not_doubled() {
        let mut transcript = Transcript::default();
        transcript.insert(Entry::own(7, &UserBody::text("hi"), 5));
        let mut echo = Entry::own(7, &UserBody::text("hi"), 5);
        echo.delivery = Delivery::Sent;
        echo.seq = Some(1);
        assert!(!transcript.insert(echo));
        assert_eq!(transcript.entries().len(), 1);
        assert_eq!(transcript.entries()[0].seq, Some(1));
        assert_eq!(transcript.entries()[0].delivery, Delivery::Sent);
    }

    #[test]
    fn an_id_that_another_session_says_twice_is_two_rows() {
        let echo = |seq: u64| Entry {
            key: "own-1".to_owned(),
            author: Author::Visitor,
            content: Content::said(seq.to_string()),
            ..bot(seq)
        };
        let mut transcript = Transcript::new(vec![echo(1)]);
        assert!(transcript.arrive(echo(3)));
        assert!(transcript.insert(bot(2)));
        // Replayed, in a page of the history, and in a newer page.
        assert!(!transcript.arrive(echo(3)) && !transcript.insert(echo(1)));
        assert_eq!(keys(&transcript), ["own-1", "ms-2", "own-1-ms-3"]);
        transcript.replace(vec![echo(1), bot(2), echo(3)], Some(3));
        assert_eq!(keys(&transcript), ["own-1", "ms-2", "own-1-ms-3"]);
        let last = &transcript.entries()[2];
        assert_eq!(last.content, Content::said("3"));
    }

    #[test]
    fn a_failed_message_stays_where_it_failed_until_it_is_tried_again() {
        let mut transcript = Transcript::new(vec![bot(1)]);
        transcript.insert(Entry::own(7, &UserBody::text("hi"), 5));
        transcript.mark("own-7", Delivery::Failed);
        transcript.insert(bot(2));
        assert_eq!(keys(&transcript), ["ms-1", "own-7", "ms-2"]);
        transcript.mark("own-7", Delivery::Sending);
        assert_eq!(keys(&transcript), ["ms-1", "ms-2", "own-7"]);
    }

    #[test]
    fn an_answer_that_grew_stands_where_it_began_whichever_page_brings_it() {
        let grew = |seq, behind| Entry {
            behind: Some(behind),
            ..bot(seq)
        };
        let order = ["ms-1", "ms-4", "ms-2", "ms-3", "ms-5"];
        let rows = [bot(1), bot(2), bot(3), grew(4, 1), bot(5)];
        assert_eq!(keys(&Transcript::new(rows.to_vec())), order);
        // The question stands on the page before.
        let mut transcript = Transcript::new(vec![bot(3), grew(4, 1), bot(5)]);
        assert_eq!(keys(&transcript), ["ms-4", "ms-3", "ms-5"]);
        assert_eq!(transcript.first_seq(), Some(3));
        for earlier in [bot(1), bot(2)] {
            transcript.insert(earlier);
        }
        assert_eq!(keys(&transcript), order);
        // Two answers of one turn keep their order. An impossible position is ignored.
        let list = Transcript::new(vec![bot(1), bot(2), grew(3, 1), grew(4, 1), grew(5, 9)]);
        assert_eq!(keys(&list), ["ms-1", "ms-3", "ms-4", "ms-2", "ms-5"]);
    }

    #[test]
    fn the_whole_conversation_is_what_is_stored_and_what_only_this_list_knows() {
        let mut list = Transcript::new(vec![bot(3), bot(4)]);
        list.insert(Entry::own(7, &UserBody::text("hi"), 5));
        let grew = Entry {
            behind: Some(1),
            ..bot(3)
        };
        let all = list.with_all(vec![bot(1), bot(2), grew]);
        let keys: Vec<_> = all.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["ms-1", "ms-3", "ms-2", "ms-4", "own-7"]);
    }

    #[test]
    fn a_new_page_keeps_what_is_not_stored_yet() {
        let mut transcript = Transcript::new(vec![bot(1), bot(2)]);
        transcript.insert(Entry::own(7, &UserBody::text("hi"), 5));
        transcript.insert(bot(302));
        transcript.replace(vec![bot(300), bot(301)], Some(301));
        assert_eq!(keys(&transcript), ["ms-300", "ms-301", "ms-302", "own-7"]);
    }
}
