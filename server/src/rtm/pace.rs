//! How fast a socket may send.
//!
//! In the path: `live` asks before it looks at a frame.

use tokio::time::Instant;

use super::limits::{FRAME_BURST, FRAMES_PER_SECOND};

/// How fast a socket may send: a token bucket.
#[derive(Debug)]
pub(super) struct Pace {
    /// In thousandths of a frame.
    allowance: u32,
    last: Instant,
}

impl Pace {
    const FULL: u32 = FRAME_BURST * 1000;

    /// A full bucket.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            allowance: Self::FULL,
            last: now,
        }
    }

    /// Whether one more frame may pass.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.last).as_millis();
        let earned = u32::try_from(passed)
            .unwrap_or(u32::MAX)
            .saturating_mul(FRAMES_PER_SECOND);
        if earned > 0 {
            self.allowance = self.allowance.saturating_add(earned).min(Self::FULL);
            self.last = now;
        }
        if self.allowance < 1000 {
            return false;
        }
        self.allowance -= 1000;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let passed = |pace: &mut Pace, at| (0..1000).filter(|_| pace.allows(at)).count();
        assert_eq!(passed(&mut pace, start), 40);
        assert_eq!(passed(&mut pace, start + Duration::from_millis(500)), 10);
        assert_eq!(passed(&mut pace, start + Duration::from_secs(1000)), 40);
    }
}
