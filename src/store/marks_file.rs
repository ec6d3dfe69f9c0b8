//! The marks' form on disk: one file of two slots, rewritten in place by turns.
//!
//! The file never grows once it is made, so that a full disk does not stop the marks. A write goes to the slot that does not hold
//! the newest whole marks; a crash within it leaves those untouched.
//!
//! A slot is a row of sectors, and each sector says by itself which writing it belongs to:
//!
//! ```text
//! sector = magic | index | total length | sequence | CRC | content
//! ```
//!
//! A write that was cut short leaves sectors of two writings, each whole: *torn*, which is no loss, since it was never
//! acknowledged. A sector whose checksum is wrong was *damaged*: it may have been the newest marks, and what the other slot
//! holds may be too old to be believed.

use std::fmt;

use bytes::Buf;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Marks, Position, SECTOR_BYTES};
use crate::id::Lsn;

/// The name of the marks' file.
pub const MARKS_NAME: &str = "marks";

/// How long a slot is. Enough for some thousand actors.
pub const MARKS_SLOT_BYTES: usize = 32 << 10;

/// How long the file is.
pub const MARKS_FILE_BYTES: usize = 2 * MARKS_SLOT_BYTES;

const MAGIC: [u8; 3] = *b"cwM";
/// The version of the format, a digit.
const VERSION: u8 = b'1';
const SECTOR_HEAD_BYTES: usize = 24;
const CHECKSUM_AT: usize = 20;
const SECTOR_CONTENT_BYTES: usize = SECTOR_BYTES - SECTOR_HEAD_BYTES;
const SECTORS: usize = MARKS_SLOT_BYTES / SECTOR_BYTES;

/// When a record counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FsyncPolicy {
    /// Once it is synced: an answer means durable here.
    #[default]
    Always,
    /// Once it is written; synced at the latest after this time. A crash may lose that much.
    Interval {
        /// The longest time between syncs.
        ms: u64,
    },
    /// Once it is written; synced when the operating system likes.
    Never,
}

/// A text that names no fsync policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an fsync policy is `always`, `interval:<milliseconds>` or `never`, not `{0}`")]
pub struct NoSuchPolicy(String);

impl std::str::FromStr for FsyncPolicy {
    type Err = NoSuchPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let interval = || text.strip_prefix("interval:")?.parse().ok().filter(|ms| *ms > 0);
        match text {
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => interval().map(|ms| Self::Interval { ms }).ok_or_else(|| NoSuchPolicy(text.to_owned())),
        }
    }
}

impl fmt::Display for FsyncPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Interval { ms } => write!(f, "interval:{ms}"),
            Self::Never => f.write_str("never"),
        }
    }
}

/// Whose data a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's id.
    pub cluster: u64,
    /// The node's address, as in the view.
    pub node: String,
}

impl Identity {
    /// A short form of the node's address.
    pub fn node_hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.node.as_bytes())
    }
}

/// How the last process that wrote here ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Stop {
    /// It runs still, or it crashed.
    #[default]
    None,
    /// By itself, with everything synced.
    Clean,
}

/// Whether something may have been missing when the log behind the marks was recovered, for as long as that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Holes {
    /// Nothing was.
    #[default]
    None,
    /// The end may have been, and the node has not written marks since: those that are here promise more than there is.
    AtEnd,
    /// Something inside was, and no snapshot has taken its place since.
    Inside,
}

/// The content of the marks' file: the node's marks, and what the journal keeps for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarksContent {
    /// Whose they are.
    pub identity: Identity,
    /// The policy of who wrote them.
    pub policy: FsyncPolicy,
    /// How who wrote them ended.
    pub stop: Stop,
    /// What the log is known to lack.
    pub holes: Holes,
    /// Up to where the log was durable for certain.
    pub durable: Position,
    /// The last record up to there.
    pub last: Lsn,
    /// What the node asked to be kept, if it has asked.
    pub marks: Option<Marks>,
}

/// Which half of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarksSlot {
    /// The first.
    First,
    /// The second.
    Second,
}

impl MarksSlot {
    /// Where it begins in the file.
    pub fn offset(self) -> u64 {
        match self {
            Self::First => 0,
            Self::Second => MARKS_SLOT_BYTES as u64,
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// What a slot was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotState {
    /// Marks.
    Whole {
        /// The larger is the newer.
        sequence: u64,
        /// What they say.
        content: Box<MarksContent>,
    },
    /// Nothing: it was never written.
    Blank,
    /// Parts of two writings: the last was cut short by a crash.
    Torn,
    /// Something that was not written so.
    Damaged,
    /// Marks of a later version of the format.
    Newer(u8),
}

/// All that can be read of the marks' file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarksScan {
    /// The first slot.
    pub first: SlotState,
    /// The second slot.
    pub second: SlotState,
}

/// The marks need more room than a slot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("marks of {0} bytes do not fit their slot")]
pub struct MarksTooLarge(usize);

impl MarksContent {
    /// The sectors that make this slot hold this.
    ///
    /// # Errors
    /// [`MarksTooLarge`].
    pub fn encode(&self, slot: MarksSlot, sequence: u64) -> Result<Vec<u8>, MarksTooLarge> {
        let content = postcard::to_stdvec(self).map_err(|_| MarksTooLarge(0))?;
        if content.len() > SECTORS * SECTOR_CONTENT_BYTES {
            return Err(MarksTooLarge(content.len()));
        }
        let mut bytes = Vec::with_capacity(content.len().div_ceil(SECTOR_CONTENT_BYTES) * SECTOR_BYTES);
        for (index, part) in content.chunks(SECTOR_CONTENT_BYTES).enumerate() {
            let start = bytes.len();
            bytes.extend(MAGIC);
            bytes.push(VERSION);
            bytes.extend((index as u32).to_le_bytes());
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(sequence.to_le_bytes());
            bytes.extend([0; SECTOR_HEAD_BYTES - CHECKSUM_AT]);
            bytes.extend(part);
            bytes.resize(start + SECTOR_BYTES, 0);
            let checksum = sector_checksum(slot, &bytes[start..]);
            bytes[start + CHECKSUM_AT..start + SECTOR_HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
        }
        Ok(bytes)
    }
}

/// Reads the marks' file; bytes that it lacks read as never written.
pub fn scan_marks(file: &[u8]) -> MarksScan {
    let (first, second) = file.split_at(file.len().min(MARKS_SLOT_BYTES));
    MarksScan { first: scan_slot(MarksSlot::First, first), second: scan_slot(MarksSlot::Second, second) }
}

impl MarksScan {
    /// The newest whole marks, with their slot and sequence.
    pub fn newest(&self) -> Option<(MarksSlot, u64, &MarksContent)> {
        let slots = [(MarksSlot::First, &self.first), (MarksSlot::Second, &self.second)];
        let whole = slots.into_iter().filter_map(|(slot, state)| match state {
            SlotState::Whole { sequence, content } => Some((slot, *sequence, &**content)),
            _ => None,
        });
        whole.max_by_key(|(_, sequence, _)| *sequence)
    }

    /// The version of what a later version of this program wrote here, if it did.
    pub fn newer(&self) -> Option<u8> {
        let versions = [&self.first, &self.second].into_iter().filter_map(|state| match state {
            SlotState::Newer(version) => Some(*version),
            _ => None,
        });
        versions.max()
    }

    /// Whether some marks cannot be read that may have been the newest.
    pub fn is_damaged(&self) -> bool {
        self.first == SlotState::Damaged || self.second == SlotState::Damaged
    }
}

/// A sector of a slot.
enum Sector<'a> {
    Whole { index: u32, length: usize, sequence: u64, content: &'a [u8] },
    Blank,
    Damaged,
    Newer(u8),
}

fn scan_slot(slot: MarksSlot, bytes: &[u8]) -> SlotState {
    let mut sectors = bytes.chunks(SECTOR_BYTES).take(SECTORS).map(|sector| scan_sector(slot, sector));
    let (length, sequence, mut content) = match sectors.next() {
        Some(Sector::Whole { index: 0, length, sequence, content }) => (length, sequence, content.to_vec()),
        None | Some(Sector::Blank) => return SlotState::Blank,
        Some(Sector::Newer(version)) => return SlotState::Newer(version),
        Some(Sector::Whole { .. } | Sector::Damaged) => return SlotState::Damaged,
    };
    let mut torn = false;
    for index in 1..length.div_ceil(SECTOR_CONTENT_BYTES) as u32 {
        match sectors.next() {
            Some(Sector::Whole { index: found, length: of, sequence: by, content: part }) if found == index => {
                torn |= (of, by) != (length, sequence);
                content.extend(part);
            }
            None | Some(Sector::Blank) => torn = true,
            Some(Sector::Newer(version)) => return SlotState::Newer(version),
            Some(Sector::Whole { .. } | Sector::Damaged) => return SlotState::Damaged,
        }
    }
    if torn {
        return SlotState::Torn;
    }
    match content.get(..length).map(postcard::take_from_bytes) {
        Some(Ok((content, []))) => SlotState::Whole { sequence, content: Box::new(content) },
        _ => SlotState::Damaged,
    }
}

fn scan_sector(slot: MarksSlot, sector: &[u8]) -> Sector<'_> {
    if sector.iter().all(|byte| *byte == 0) {
        return Sector::Blank;
    }
    if sector.len() < SECTOR_BYTES || sector[..MAGIC.len()] != MAGIC {
        return Sector::Damaged;
    }
    let (mut fields, content) = sector.split_at(SECTOR_HEAD_BYTES);
    fields.advance(MAGIC.len());
    let version = fields.get_u8();
    let (index, length, sequence) = (fields.get_u32_le(), fields.get_u32_le() as usize, fields.get_u64_le());
    let is_whole = fields.get_u32_le() == sector_checksum(slot, sector);
    if is_whole && version > VERSION {
        return Sector::Newer(version - b'0');
    }
    if !is_whole || version != VERSION || length > SECTORS * SECTOR_CONTENT_BYTES {
        return Sector::Damaged;
    }
    Sector::Whole { index, length, sequence, content }
}

/// Of all of a sector but its checksum, and of its slot: in the other one it is none.
fn sector_checksum(slot: MarksSlot, sector: &[u8]) -> u32 {
    let placed = crc32c::crc32c(&slot.offset().to_le_bytes());
    let checked = crc32c::crc32c_append(placed, &sector[..CHECKSUM_AT]);
    crc32c::crc32c_append(checked, &sector[SECTOR_HEAD_BYTES..])
}
