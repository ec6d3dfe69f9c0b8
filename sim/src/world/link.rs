//! What one directed link does to frames, and what became of all frames.

use std::{fmt, ops::RangeInclusive};

use crate::{streams::Chance, trace::LinkState};

/// What a link does to frames. Every field is a fault; the default is a healthy link.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// How long a frame takes, in microseconds: drawn evenly for each.
    pub latency_us: RangeInclusive<u64>,
    /// The probability that a frame is lost; its sender does not learn of it.
    pub loss: f64,
    /// The probability that a frame arrives twice.
    pub duplication: f64,
    /// The probability that a bit of a frame flips on its way. The receiver's decoder, which is that of production, refuses the frame
    /// and the connection is closed.
    pub damage: f64,
    /// Whether frames may overtake each other.
    pub order: Order,
    /// Whether frames pass at all.
    pub flow: Flow,
    /// How long the sender of a frame on a cut link believes that it may arrive: then it is told that the link broke, and its
    /// frames are refused until the link is open again.
    pub timeout_us: u64,
}

/// Whether frames of one link may overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// They arrive in the order in which they were sent, as over one TCP connection.
    Fifo,
    /// Each takes its own time.
    Any,
}

/// Whether frames pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// They do.
    Open,
    /// They are lost, those on their way too; their sender is told late, their receiver never.
    Cut,
    /// They are kept back, and arrive once the link is open again.
    Held,
}

impl From<Flow> for LinkState {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Open => Self::Open,
            Flow::Cut => Self::Cut,
            Flow::Held => Self::Held,
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency_us: 200..=1_000,
            loss: 0.0,
            duplication: 0.0,
            damage: 0.0,
            order: Order::Fifo,
            flow: Flow::Open,
            timeout_us: 500_000,
        }
    }
}

/// Which bit of a frame flips: any number stands for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flip(pub u64);

impl Flip {
    /// The byte, and the bit in it, of an encoded frame of so many bytes.
    pub fn place(self, bytes: usize) -> (usize, u32) {
        ((self.0 / 8) as usize % bytes, (self.0 % 8) as u32)
    }
}

/// What chance decides about a frame when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    pub lost: bool,
    pub flip: Option<Flip>,
    /// How long it is on its way, in microseconds.
    pub takes_us: u64,
    /// The same of a second copy, if there is one.
    pub copy_takes_us: Option<u64>,
}

impl Link {
    /// Draws a frame's fate, all of it and in this order, whatever the link does now.
    pub(super) fn fate(&self, mut chance: Chance) -> Fate {
        let lost = chance.happens(self.loss);
        let takes_us = chance.between(&self.latency_us);
        let damaged = chance.happens(self.damage);
        let bit = chance.number();
        let flip = damaged.then_some(Flip(bit));
        let doubled = chance.happens(self.duplication);
        let copy_takes_us = chance.between(&self.latency_us);
        Fate { lost, flip, takes_us, copy_takes_us: doubled.then_some(copy_takes_us) }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency_us, loss, duplication, damage, order, flow, timeout_us: _ } = self;
        write!(f, "{}..{} us", latency_us.start(), latency_us.end())?;
        let faults = [("loss", loss), ("duplication", duplication), ("damage", damage)];
        for (name, probability) in faults {
            if *probability > 0.0 {
                write!(f, ", {name} {probability}")?;
            }
        }
        f.write_str(if *order == Order::Any { ", unordered" } else { "" })?;
        f.write_str(match flow {
            Flow::Open => "",
            Flow::Cut => ", cut",
            Flow::Held => ", held",
        })
    }
}

/// What became of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkStats {
    /// Frames that nodes sent.
    pub sent: u64,
    /// Frames that reached a process.
    pub delivered: u64,
    /// Frames lost by chance.
    pub lost: u64,
    /// Frames lost to a cut.
    pub cut: u64,
    /// Frames that were doubled.
    pub duplicated: u64,
    /// Frames in which a bit flipped.
    pub damaged: u64,
    /// Frames that a receiver's decoder took for a part of a damaged one.
    pub swallowed: u64,
    /// Frames that were held back.
    pub held: u64,
    /// Frames that arrived after one that was sent later on the same link.
    pub overtaken: u64,
    /// Frames refused because the receiver's process was dead, or their link known to be broken.
    pub refused: u64,
    /// Frames that arrived after the process they were for had died, or their connection broken.
    pub too_late: u64,
    /// Frames that a node of an earlier version could not read, or send.
    pub unread: u64,
    /// Frames of which such a node knew less than they held.
    pub read_in_part: u64,
    /// Times that a process was told, or would have been but for a cut, that a link broke.
    pub breaks: u64,
}
