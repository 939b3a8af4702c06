//! What visitors said and heard against what is stored: every message is accounted for.
//!
//! In the path: each story of `crash` ends here. Pure: a diary and a history in, what is wrong out.
//!
//! **Invariants.** A message is found by visitor and number, never by position or time. What is wrong is told with its visitor
//! and number, so that it can be looked up in the database.

use std::collections::BTreeMap;

use protocol::history::{Direction, HistoryMessage};

use crate::load::diary::{Diary, answered, parse};

/// What may be wrong; all of them must be 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// Acknowledged and not in the history.
    AckedMissing,
    /// Stored more than once.
    Doubled,
    /// Not in the order in which it was said, or sequences with a gap.
    OutOfOrder,
    /// Answered more than once.
    AnswerDoubled,
    /// Stored and acknowledged, but never answered.
    Unanswered,
    /// Acknowledged what was not said, twice differently, or at a place where something else stands.
    FalseAck,
    /// Never acknowledged, though there was time.
    Unacknowledged,
    /// Another visitor's message or answer.
    Foreign,
    /// On the visitor's screen missing, doubled or in another order than stored.
    Screen,
}

impl Wrong {
    const ALL: [Self; 9] = [
        Self::AckedMissing,
        Self::Doubled,
        Self::OutOfOrder,
        Self::AnswerDoubled,
        Self::Unanswered,
        Self::FalseAck,
        Self::Unacknowledged,
        Self::Foreign,
        Self::Screen,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::AckedMissing => "acknowledged but missing",
            Self::Doubled => "stored twice",
            Self::OutOfOrder => "out of order",
            Self::AnswerDoubled => "answered twice",
            Self::Unanswered => "acknowledged without an answer",
            Self::FalseAck => "false acknowledgements",
            Self::Unacknowledged => "never acknowledged",
            Self::Foreign => "another visitor's",
            Self::Screen => "wrong on the screen",
        }
    }
}

/// The sum over all visitors.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Visitors' messages in the histories.
    pub(crate) stored: u64,
    /// Bot's answers to them.
    pub(crate) answers: u64,
    /// Acknowledged.
    pub(crate) acked: u64,
    /// Refused once and said again, so that a later one may stand before it.
    pub(crate) refused: u64,
    wrong: BTreeMap<Wrong, Vec<String>>,
}

impl Account {
    /// How often this went wrong.
    #[cfg(test)]
    fn count(&self, wrong: Wrong) -> usize {
        self.wrong.get(&wrong).map_or(0, Vec::len)
    }

    /// Whether nothing is.
    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }

    /// A line for each count, and what is wrong by name: the first few of each kind.
    pub(crate) fn lines(&self) -> Vec<String> {
        const SHOWN: usize = 20;
        let counted = [
            ("acknowledged", self.acked),
            ("stored", self.stored),
            ("answers", self.answers),
            ("refused and said again", self.refused),
        ];
        let mut lines: Vec<String> = counted
            .iter()
            .map(|(name, count)| format!("    {name:32} {count:>8}"))
            .collect();
        for wrong in Wrong::ALL {
            let found = self.wrong.get(&wrong).map_or(&[][..], Vec::as_slice);
            lines.push(format!("    {:32} {:>8}", wrong.name(), found.len()));
            lines.extend(found.iter().take(SHOWN).map(|what| format!("      {what}")));
        }
        lines
    }

    fn add(&mut self, wrong: Wrong, what: String) {
        self.wrong.entry(wrong).or_default().push(what);
    }

    /// One visitor: what it wrote down, what its screen shows, and its whole history, oldest first.
    pub(crate) fn check(
        &mut self,
        diary: &Diary,
        shown: &[Option<u64>],
        history: &[HistoryMessage],
    ) {
        let user = diary.user;
        self.check_sequences(user, history);
        let own = |found: Option<(usize, u64)>| found.filter(|(who, _)| *who == user);
        let mut stored: BTreeMap<u64, u64> = BTreeMap::new();
        let mut answers: BTreeMap<u64, u64> = BTreeMap::new();
        let (mut latest, mut latest_answer) = (0, 0);
        for message in history {
            let text = message.shown();
            let seq = message.seq.unwrap_or_default();
            let bot = message.direction == Direction::Outgoing;
            if bot && answered(text).is_none() {
                continue; // the welcome
            }
            let Some((_, number)) = own(if bot { answered(text) } else { parse(text) }) else {
                self.add(Wrong::Foreign, format!("u{user} seq {seq}: {text:.60}"));
                continue;
            };
            let at = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
            // It went out again after later ones: that it stands behind them is what was asked for.
            let again = diary.said.get(at).is_some_and(|said| said.refused);
            if bot {
                self.answers += 1;
                if answers.insert(number, seq).is_some() {
                    self.add(Wrong::AnswerDoubled, format!("u{user} n{number} seq {seq}"));
                } else if number < latest_answer && !again {
                    let what = format!("u{user}: answer to n{number} at seq {seq}");
                    self.add(Wrong::OutOfOrder, what);
                }
                latest_answer = latest_answer.max(if again { 0 } else { number });
            } else {
                self.stored += 1;
                if stored.insert(number, seq).is_some() {
                    self.add(Wrong::Doubled, format!("u{user} n{number} seq {seq}"));
                } else if number < latest && !again {
                    self.add(Wrong::OutOfOrder, format!("u{user} n{number} at seq {seq}"));
                }
                latest = latest.max(if again { 0 } else { number });
            }
        }
        for (number, said) in (1..).zip(&diary.said) {
            self.refused += u64::from(said.refused);
            let Some(acked) = said.acked else {
                self.add(Wrong::Unacknowledged, format!("u{user} n{number}"));
                continue;
            };
            self.acked += 1;
            match stored.get(&number) {
                None => self.add(Wrong::AckedMissing, format!("u{user} n{number}")),
                Some(seq) if *seq != acked => {
                    let what = format!("u{user} n{number}: said {acked}, stands at {seq}");
                    self.add(Wrong::FalseAck, what);
                }
                Some(_) => {}
            }
            if !answers.contains_key(&number) {
                self.add(Wrong::Unanswered, format!("u{user} n{number}"));
            }
        }
        for what in &diary.wrong {
            self.add(Wrong::FalseAck, what.clone());
        }
        self.check_screen(diary, shown, history);
    }

    fn check_sequences(&mut self, user: usize, history: &[HistoryMessage]) {
        for (expected, message) in (1..).zip(history) {
            if message.seq != Some(expected) {
                let what = format!("u{user}: {:?} in the place of {expected}", message.seq);
                self.add(Wrong::OutOfOrder, what);
                return;
            }
        }
    }

    /// The rows from the first sequence on; before it stands what was not loaded.
    fn check_screen(&mut self, diary: &Diary, shown: &[Option<u64>], history: &[HistoryMessage]) {
        let rows: Vec<u64> = shown.iter().flatten().copied().collect();
        let first = rows.first().copied().unwrap_or(1);
        if diary.resyncs == 0 && first != 1 {
            let what = format!("u{}: the first row is {first}", diary.user);
            return self.add(Wrong::Screen, what);
        }
        let last = history.last().and_then(|message| message.seq).unwrap_or(0);
        if !rows.iter().copied().eq(first..=last) {
            let place = rows.iter().zip(first..).find(|(row, seq)| *row != seq);
            let what = format!(
                "u{}: {} rows up to {last}, first wrong (row, wanted): {place:?}",
                diary.user,
                rows.len()
            );
            self.add(Wrong::Screen, what);
        }
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
