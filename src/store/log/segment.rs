//! Segments: their names, their heads, and places within them.

use std::fmt;

use bytes::Buf;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::SECTOR_BYTES;
use crate::id::Lsn;

const MAGIC: [u8; 7] = *b"CWAYSEG";
const VERSION: u8 = 1;
const COPIES: usize = 2;
const FIELDS_BYTES: usize = 56;
const NAME_PREFIX: &str = "log-";

/// Where a segment's first frame begins: behind two copies of the head, in a sector each.
pub const SEGMENT_HEAD_BYTES: u64 = (COPIES * SECTOR_BYTES) as u64;

/// The name of a segment's file.
pub fn segment_name(number: u64) -> String {
    format!("{NAME_PREFIX}{number:010}")
}

/// The number of the segment in a file of this name, if it is one.
pub fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(NAME_PREFIX)?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Position {
    /// The segment's number; the first is 1.
    pub segment: u64,
    /// Bytes from the start of its file.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.segment, self.offset)
    }
}

/// Where a frame stands: what its checksum covers beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its segment's salt.
    pub salt: u64,
    /// Its segment and where it begins.
    pub position: Position,
}

/// How a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SegmentHead {
    /// Rises by one with each segment of a log.
    pub number: u64,
    /// The cluster that the log belongs to.
    pub cluster: u64,
    /// A hash of the address of the node that the log belongs to.
    pub node: u64,
    /// Drawn at random when the segment is made.
    pub salt: u64,
    /// The last record in the log when the segment was made.
    pub last: Lsn,
    /// Where the last frame of the segment before this one ends.
    pub previous_end: u64,
}

/// Why a segment's head cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeadError {
    /// The making of the segment was not finished: it never held a frame.
    #[error("head never written")]
    Torn,
    /// It was written and is not any more what was written.
    #[error("head damaged")]
    Damaged,
    /// A later version of the format.
    #[error("format version {0} is newer than this program")]
    Newer(u8),
}

impl SegmentHead {
    /// What stands at the start of the segment's file: [`SEGMENT_HEAD_BYTES`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut sector = Vec::with_capacity(SECTOR_BYTES);
        sector.extend(MAGIC);
        sector.push(VERSION);
        for field in [self.number, self.cluster, self.node, self.salt, self.last.0, self.previous_end] {
            sector.extend(field.to_le_bytes());
        }
        sector.extend(crc32c::crc32c(&sector).to_le_bytes());
        sector.resize(SECTOR_BYTES, 0);
        sector.repeat(COPIES)
    }

    /// Reads the head from the start of a segment's file; one whole copy is enough.
    ///
    /// # Errors
    /// [`HeadError`], when no copy can be read.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let copies = [bytes.get(..SECTOR_BYTES), bytes.get(SECTOR_BYTES..COPIES * SECTOR_BYTES)];
        let mut worst = HeadError::Torn;
        for copy in copies.into_iter().flatten() {
            match Self::decode_copy(copy) {
                Ok(head) => return Ok(head),
                Err(HeadError::Torn) => {}
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }

    fn decode_copy(sector: &[u8]) -> Result<Self, HeadError> {
        let (mut fields, mut rest) = sector.split_at(FIELDS_BYTES);
        if crc32c::crc32c(fields) != rest.get_u32_le() {
            let blank = sector.iter().all(|byte| *byte == 0);
            return Err(if blank { HeadError::Torn } else { HeadError::Damaged });
        }
        let mut magic = [0; MAGIC.len()];
        fields.copy_to_slice(&mut magic);
        match (magic == MAGIC, fields.get_u8()) {
            (true, VERSION) => {}
            (true, version) => return Err(HeadError::Newer(version)),
            (false, _) => return Err(HeadError::Damaged),
        }
        Ok(Self {
            number: fields.get_u64_le(),
            cluster: fields.get_u64_le(),
            node: fields.get_u64_le(),
            salt: fields.get_u64_le(),
            last: Lsn(fields.get_u64_le()),
            previous_end: fields.get_u64_le(),
        })
    }
}
