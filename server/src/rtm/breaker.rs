//! A circuit breaker for each bot. A bot that fails again and again gets no more turns for a while, except for one now
//! and then.
//!
//! In the path: `answers` asks [`Breaker::enter`] before each turn, and reports the outcome through the [`Pass`].
//!
//! Invariants: while the breaker is open, one turn at a time may try whether the bot is back; a success closes the
//! breaker. Only faults that say that the bot is away or overloaded count, because a bot that refuses a turn is there.
//! Nothing is lost, because the job of a waiting turn stays stored. The log gets one line when the breaker opens and
//! one when it closes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::{BREAKER_FAULTS, BREAKER_FIRST_PAUSE, BREAKER_LONGEST_PAUSE, BREAKER_LOOK};
use crate::bot::{BotError, Class};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Breaker {
    /// The bot's id, for the log.
    bot: String,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Closed: the bot gets turns. `faults` turns in a row have failed.
    Closed { faults: u32 },
    /// Open: the bot gets no turns until then. The pause was this long.
    Open { until: Instant, pause: Duration },
    /// Half open: one turn finds out whether the bot is back.
    Probing { pause: Duration },
}

/// Whether a turn may be given.
pub(super) enum Admission<'a> {
    /// Yes. Report the outcome through the pass.
    Pass(Pass<'a>),
    /// Not now. Ask again after this long at the earliest.
    Wait(Duration),
}

/// A turn that was let in.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    /// This turn finds out whether the bot is back.
    probes: bool,
}

impl Breaker {
    pub(super) fn new(bot: &str) -> Self {
        Self {
            bot: bot.to_owned(),
            state: Mutex::new(State::Closed { faults: 0 }),
        }
    }

    /// Lets a turn in, or says how long it has to wait.
    pub(super) fn enter(&self) -> Admission<'_> {
        let mut state = self.state();
        let probes = match *state {
            State::Closed { .. } => false,
            State::Probing { .. } => return Admission::Wait(BREAKER_LOOK),
            State::Open { until, pause } => {
                let wait = until.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    return Admission::Wait(wait);
                }
                *state = State::Probing { pause };
                true
            }
        };
        let breaker = self;
        Admission::Pass(Pass { breaker, probes })
    }

    /// Whether the bot is left alone, but for a turn now and then.
    pub(super) fn is_open(&self) -> bool {
        !matches!(*self.state(), State::Closed { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in the critical sections can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Closed { faults: 0 });
        if !matches!(before, State::Closed { .. }) {
            tracing::info!(bot = self.bot, "the bot answers again");
        }
    }

    fn failed(&self, probes: bool, error: &BotError) {
        let mut state = self.state();
        let pause = match *state {
            State::Closed { faults } if faults + 1 < BREAKER_FAULTS => {
                *state = State::Closed { faults: faults + 1 };
                return;
            }
            State::Closed { .. } => BREAKER_FIRST_PAUSE,
            State::Probing { pause } if probes => pause * 2,
            // This turn began earlier, so it says nothing new.
            State::Open { .. } | State::Probing { .. } => return,
        };
        let asked_for = error.retry_after().unwrap_or_default();
        let pause = pause.max(asked_for).min(BREAKER_LONGEST_PAUSE);
        let until = Instant::now() + pause;
        let opens = matches!(*state, State::Closed { .. });
        *state = State::Open { until, pause };
        drop(state);
        if opens {
            tracing::warn!(
                bot = self.bot,
                class = error.class().word(),
                status = error.status(),
                turns = BREAKER_FAULTS,
                "the bot has failed again and again: it is left alone, and asked now and then whether it is back"
            );
        }
    }
}

impl Pass<'_> {
    /// Reports the outcome of the turn.
    pub(super) fn report<T>(mut self, outcome: &Result<T, BotError>) {
        let probes = std::mem::take(&mut self.probes);
        match outcome {
            Err(error) if is_away(error.class()) => self.breaker.failed(probes, error),
            // Whatever else is wrong with the turn, the bot is there.
            _ => self.breaker.answered(),
        }
    }
}

/// If a probe is dropped, for example because the server shuts down, the next turn becomes the probe.
impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if let (true, State::Probing { pause }) = (self.probes, *state) {
            let until = Instant::now();
            *state = State::Open { until, pause };
        }
    }
}

/// Whether a bot with this fault is away or overloaded.
fn is_away(class: Class) -> bool {
    matches!(
        class,
        Class::Unreachable | Class::TooSlow | Class::Busy | Class::Error
    )
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn turn(breaker: &Breaker, outcome: Result<(), BotError>) {
        match breaker.enter() {
            Admission::Pass(pass) => pass.report(&outcome),
            Admission::Wait(wait) => panic!("it is left alone for {wait:?}"),
        }
    }

    fn away() -> Result<(), BotError> {
        Err(BotError::unavailable(Class::Unreachable, "gone"))
    }

    fn wait(breaker: &Breaker) -> Duration {
        match breaker.enter() {
            Admission::Pass(_) => Duration::ZERO,
            Admission::Wait(wait) => wait,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bot_that_fails_in_a_row_is_left_alone_longer_and_longer() {
        let breaker = Breaker::new("st-1");
        for _ in 1..BREAKER_FAULTS {
            turn(&breaker, away());
        }
        assert_eq!(wait(&breaker), Duration::ZERO);
        turn(&breaker, away());
        let mut pause = BREAKER_FIRST_PAUSE;
        for _ in 0..10 {
            assert_eq!(wait(&breaker), pause);
            advance(pause).await;
            // One turn finds out; the others wait for it.
            let Admission::Pass(probe) = breaker.enter() else {
                panic!("the pause is over");
            };
            assert_eq!(wait(&breaker), BREAKER_LOOK);
            probe.report(&away());
            pause = (pause * 2).min(BREAKER_LONGEST_PAUSE);
        }
        assert_eq!(wait(&breaker), BREAKER_LONGEST_PAUSE);
        advance(pause).await;
        turn(&breaker, Ok(()));
        assert_eq!(wait(&breaker), Duration::ZERO);
        // The count begins anew.
        turn(&breaker, away());
        assert_eq!(wait(&breaker), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_was_answered_and_a_fault_of_another_kind_begin_the_count_anew() {
        let breaker = Breaker::new("st-1");
        let refused = BotError::failed(Class::Refused, "the key");
        for good in [Ok(()), Err(refused)] {
            for _ in 0..3 {
                for _ in 1..BREAKER_FAULTS {
                    turn(&breaker, away());
                }
                turn(&breaker, good.clone());
            }
        }
        assert_eq!(wait(&breaker), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_as_long_as_the_bot_asked_for_but_bounded() {
        for (asked, pause) in [
            (Duration::from_secs(20), Duration::from_secs(20)),
            (Duration::from_hours(1), BREAKER_LONGEST_PAUSE),
        ] {
            let breaker = Breaker::new("st-1");
            for _ in 0..BREAKER_FAULTS {
                turn(
                    &breaker,
                    Err(BotError::Unavailable {
                        fault: crate::bot::Fault::new(Class::Busy, "too many"),
                        retry_after: Some(asked),
                    }),
                );
            }
            assert_eq!(wait(&breaker), pause);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_leaves_its_place_and_late_turns_say_nothing_new() {
        let breaker = Breaker::new("st-1");
        let (Admission::Pass(late), Admission::Pass(later)) = (breaker.enter(), breaker.enter())
        else {
            panic!("it is asked");
        };
        for _ in 0..BREAKER_FAULTS {
            turn(&breaker, away());
        }
        late.report(&away());
        assert_eq!(wait(&breaker), BREAKER_FIRST_PAUSE);
        advance(BREAKER_FIRST_PAUSE).await;
        let Admission::Pass(probe) = breaker.enter() else {
            panic!("the pause is over");
        };
        assert_eq!(wait(&breaker), BREAKER_LOOK);
        drop(probe);
        assert_eq!(wait(&breaker), Duration::ZERO);
        // An earlier turn that is answered after all counts as a probe.
        turn(&breaker, away());
        assert_eq!(wait(&breaker), BREAKER_FIRST_PAUSE * 2);
        later.report(&Ok(()));
        assert_eq!(wait(&breaker), Duration::ZERO);
    }
}
