//! A node's clocks: how they differ from true time.
//!
//! The monotonic clock drifts and never jumps; the wall clock drifts with it and jumps. A change of drift bends the line where it
//! happens, so that the monotonic clock stays continuous.

use std::fmt;

/// Where every wall clock would be at true time 0, in milliseconds since the Unix epoch.
pub const WALL_START_MS: u64 = 1_767_225_600_000;

/// What happens to a node's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockChange {
    /// The wall clock moves, forward or back.
    Jump {
        /// By so many milliseconds.
        by_ms: i64,
    },
    /// Both clocks run faster or slower from now on.
    Drift {
        /// By so many millionths; negative is slow.
        ppm: i64,
    },
}

impl fmt::Display for ClockChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jump { by_ms } => write!(f, "jumps by {by_ms} ms"),
            Self::Drift { ppm } => write!(f, "drifts by {ppm} ppm"),
        }
    }
}

const MILLION: i128 = 1_000_000;

/// One node's clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// How far the wall clock is ahead, beside what drift adds.
    skew_ms: i64,
    /// By how many millionths the clocks run too fast; negative is slow, above -1,000,000.
    drift_ppm: i64,
    bent_at_true_us: u64,
    bent_at_local_us: u64,
}

impl Clock {
    /// Microseconds since the start of the run, as this node counts them.
    pub fn local_us(&self, true_us: u64) -> u64 {
        let run = i128::from(true_us.saturating_sub(self.bent_at_true_us));
        self.bent_at_local_us + (run * (MILLION + i128::from(self.drift_ppm)) / MILLION) as u64
    }

    /// Milliseconds since the Unix epoch, as this node believes.
    pub fn wall_ms(&self, true_us: u64) -> u64 {
        (WALL_START_MS + self.local_us(true_us) / 1_000).saturating_add_signed(self.skew_ms)
    }

    /// The first true time at which [`local_us`](Self::local_us) shows at least this.
    pub fn true_us(&self, local_us: u64) -> u64 {
        let run = i128::from(local_us.saturating_sub(self.bent_at_local_us));
        let speed = MILLION + i128::from(self.drift_ppm);
        self.bent_at_true_us + ((run * MILLION + speed - 1) / speed) as u64
    }

    /// Changes the clocks at a true time.
    pub fn change(&mut self, true_us: u64, change: ClockChange) {
        match change {
            ClockChange::Jump { by_ms } => self.skew_ms = self.skew_ms.saturating_add(by_ms),
            ClockChange::Drift { ppm } => {
                self.bent_at_local_us = self.local_us(true_us);
                self.bent_at_true_us = true_us;
                self.drift_ppm = ppm.max(1 - MILLION as i64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_bends_both_clocks_and_a_jump_moves_the_wall_clock_only() {
        let mut clock = Clock::default();
        clock.change(1_000_000, ClockChange::Drift { ppm: 100_000 });
        assert_eq!((clock.local_us(1_000_000), clock.local_us(2_000_000)), (1_000_000, 2_100_000));
        assert_eq!(clock.wall_ms(2_000_000), WALL_START_MS + 2_100);
        clock.change(2_000_000, ClockChange::Jump { by_ms: -5_000 });
        assert_eq!(clock.local_us(2_000_000), 2_100_000);
        assert_eq!(clock.wall_ms(2_000_000), WALL_START_MS - 2_900);
    }

    #[test]
    fn true_time_of_a_local_deadline_is_the_first_that_shows_it() {
        let mut clock = Clock::default();
        for (at_us, ppm) in [(0, -300_000), (777, 123_457), (5_000_001, -999_999), (6_000_000, 3)] {
            clock.change(at_us, ClockChange::Drift { ppm });
            for local_us in clock.local_us(at_us)..clock.local_us(at_us) + 50 {
                let true_us = clock.true_us(local_us);
                assert!(clock.local_us(true_us) >= local_us);
                assert!(true_us <= at_us || clock.local_us(true_us - 1) < local_us, "{ppm} {local_us}");
            }
        }
    }
}
