//! Answers that come in pieces: they are shown while they stream, the visitor can stop them, and none streams for ever.
//!
//! In the path: the session hands over the pieces of an answer; the stored message comes like any other.

use super::tabs::tell_stop;
use super::{Connection, Effect, Moment, Phase, Session, Timer, Typing};
use crate::content::Content;
use crate::message::Stop;
use crate::reply::BotResponse;
use crate::transcript::{Entry, PieceOutcome};
use crate::write::Write;

/// If no piece of an answer came for this long, over all reconnects, it has broken off. This is longer than a server
/// lets its bot be silent (30 s).
pub(super) const STREAM_TIMEOUT_MS: u64 = 40_000;

impl Session {
    /// Whether the visitor may stop the bot: an answer is streaming, and the server is ours, because it counts.
    #[must_use]
    pub fn may_stop(&self) -> bool {
        self.connection() == Connection::Online
            && self.cursor.is_some()
            && self.transcript.streaming().is_some()
    }

    pub(super) fn stop(&self, effects: &mut Vec<Effect>) {
        let streaming = self.transcript.streaming();
        let id = streaming.and_then(|row| row.message_id.as_ref());
        let Some(id) = id.filter(|_| self.may_stop()) else {
            return;
        };
        if self.follows() {
            tell_stop(id, effects);
        } else {
            self.send_stop(id, effects);
        }
    }

    /// Stops the answer with this id.
    pub(super) fn send_stop(&self, id: &str, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Online {
            effects.push(Effect::Send(Stop::new(id).to_text()));
        }
    }

    /// Adds the next piece of an answer.
    pub(super) fn add_piece(&mut self, at: Moment, frame: &BotResponse, effects: &mut Vec<Effect>) {
        let row = Entry::streaming(frame, at.now_ms);
        let key = row.key.clone();
        let piece = frame
            .message
            .first()
            .map(Content::piece)
            .unwrap_or_default();
        let end = frame.end_chunk == Some(true);
        match self.transcript.add_piece(row, frame.at, piece, end) {
            PieceOutcome::Shown => {
                if self.doing.take().is_some() {
                    effects.push(Effect::Show);
                }
                effects.push(Effect::ShowPiece);
            }
            PieceOutcome::Ended => {
                self.see(frame.seq, effects);
                effects.extend([Effect::Arrived { key }, Effect::Show]);
            }
            // The answer is stored, so it can be loaded.
            PieceOutcome::Torn if end => self.reload(effects),
            PieceOutcome::Known | PieceOutcome::Torn => {}
        }
        self.watch_stream(effects);
    }

    /// Makes sure that every streaming answer ends.
    pub(super) fn watch_stream(&mut self, effects: &mut Vec<Effect>) {
        if self.transcript.streaming().is_some() {
            if self.typing == Typing::Shown {
                effects.push(Effect::Show);
            }
            self.typing = Typing::Streaming;
            effects.push(Effect::Arm {
                timer: Timer::Typing,
                after_ms: STREAM_TIMEOUT_MS,
            });
        } else if self.typing == Typing::Streaming {
            self.typing = Typing::Hidden;
            effects.extend([Effect::Disarm(Timer::Typing), Effect::Show]);
        }
    }

    /// Nothing more comes of the streaming answers.
    pub(super) fn broke_off(&mut self, effects: &mut Vec<Effect>) {
        self.typing = Typing::Hidden;
        for key in self.transcript.stop_streaming() {
            effects.push(Effect::Arrived { key });
        }
        effects.push(Effect::Show);
    }
}
