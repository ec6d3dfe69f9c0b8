//! What a disk does wrong, and what became of it.

use std::{fmt, ops::RangeInclusive};

/// What a disk does wrong. Every field is a fault; the default is a healthy disk.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskSettings {
    /// How long a sync takes, in microseconds: drawn evenly for each.
    pub sync_us: RangeInclusive<u64>,
    /// By how much longer syncs take than that; 1 is healthy. Reads, which take no time on a healthy disk, do on a slow one.
    pub slowness: u64,
    /// How many bytes all files together may have; `None` is no bound.
    pub capacity_bytes: Option<u64>,
    /// Whether syncs succeed.
    pub syncs: Syncs,
    /// The probability that a sector with a write that was not synced survives a loss of power.
    pub survival: f64,
    /// The probability that a read gives one bit wrong. What is stored stays right, and may be read right the next time.
    pub flips: f64,
    /// The probability that a write goes to other sectors of the file, whose content it replaces, while those that it was for stay
    /// as they were. No call fails.
    pub misdirection: f64,
}

/// Whether syncs succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Syncs {
    /// They do.
    Succeed,
    /// They fail, and what they should have made durable never is.
    Fail,
}

/// How a stored sector is spoilt, without any call failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rot {
    /// One of its bits flips.
    FlippedBit,
    /// It is overwritten with what another sector of the file holds.
    MisdirectedWrite,
}

impl fmt::Display for Rot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlippedBit => "a bit flips",
            Self::MisdirectedWrite => "a write goes to the wrong place",
        })
    }
}

impl Default for DiskSettings {
    fn default() -> Self {
        Self {
            sync_us: 100..=800,
            slowness: 1,
            capacity_bytes: None,
            syncs: Syncs::Succeed,
            survival: 0.5,
            flips: 0.0,
            misdirection: 0.0,
        }
    }
}

impl fmt::Display for DiskSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sync_us, slowness, capacity_bytes, syncs, survival, flips, misdirection } = self;
        write!(f, "sync {}..{} us x {slowness}, survival {survival}", sync_us.start(), sync_us.end())?;
        if let Some(capacity) = capacity_bytes {
            write!(f, ", {capacity} bytes")?;
        }
        for (name, probability) in [("flips", flips), ("misdirection", misdirection)] {
            if *probability > 0.0 {
                write!(f, ", {name} {probability}")?;
            }
        }
        f.write_str(if *syncs == Syncs::Fail { ", syncs fail" } else { "" })
    }
}

/// What became of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskStats {
    /// Syncs of files and of the folder that succeeded.
    pub syncs: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Writes that found no room.
    pub full: u64,
    /// Sectors with writes that were not synced and survived a crash.
    pub sectors_kept: u64,
    /// Sectors with writes that were not synced and were lost in a crash.
    pub sectors_lost: u64,
    /// Changes of names that were lost in a crash.
    pub names_lost: u64,
    /// Stored sectors that were spoilt.
    pub rotten: u64,
    /// Reads that gave a bit wrong.
    pub flipped: u64,
    /// Writes that went to the wrong place.
    pub misdirected: u64,
}
