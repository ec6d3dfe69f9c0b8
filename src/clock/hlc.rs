//! The hybrid logical clock: close to wall time, never behind anything it has seen.
//!
//! Source: Kulkarni, Demirbas, Madappa, Avva, Leone, 'Logical Physical Clocks', OPODIS 2014. Here in the common 64-bit form:
//! 48 bits of milliseconds, 16 bits of counter, compared as one number.

use std::fmt;

use serde::{Deserialize, Serialize};

const COUNTER_BITS: u32 = 16;

/// A time of a hybrid logical clock: milliseconds since the Unix epoch (48 bits), counter (16 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Hlc(pub u64);

impl Hlc {
    /// Before every write.
    pub const ZERO: Self = Self(0);

    /// The first time within a millisecond. A wall clock beyond 48 bits (the year 10889) reads as their end.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(u64::MAX >> COUNTER_BITS) << COUNTER_BITS)
    }

    /// The wall-clock part, in milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The counter within the millisecond.
    pub fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The smallest time above this one. A full counter carries into the milliseconds.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The largest time below this one.
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// This time moved forward.
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(Self::from_millis(millis).0))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.counter())
    }
}

/// A node's hybrid logical clock. It is told the wall time; it never goes back.
#[derive(Debug, Clone, Copy, Default)]
pub struct HybridClock {
    last: Hlc,
}

impl HybridClock {
    /// A clock that has already reached `last`: after a restart, the lease.
    pub fn starting_at(last: Hlc) -> Self {
        Self { last }
    }

    /// The largest time given out or seen.
    pub fn last(&self) -> Hlc {
        self.last
    }

    /// A time for a new write: above everything given out or seen, above `floor`, and not behind the wall.
    pub fn tick(&mut self, wall_ms: u64, floor: Hlc) -> Hlc {
        self.last = self.last.max(floor).next().max(Hlc::from_millis(wall_ms));
        self.last
    }

    /// The time now, for a promise: later ticks are above it.
    pub fn read(&mut self, wall_ms: u64) -> Hlc {
        self.last = self.last.max(Hlc::from_millis(wall_ms));
        self.last
    }

    /// Raises the clock to a time seen in a record, a promise or a need.
    pub fn observe(&mut self, seen: Hlc) {
        self.last = self.last.max(seen);
    }
}
