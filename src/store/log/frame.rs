//! Frames: one group commit each.

use bytes::Buf;
use thiserror::Error;

use super::{Place, Position};
use crate::{
    id::Lsn,
    mutant::{Mutant, planted},
    store::Record,
};

/// How a frame begins: what a search behind damage looks for.
pub(super) const MAGIC: [u8; 4] = *b"cwF1";
/// Not zeros, so that a sector that was never written shows: see the module.
const END_MARK: [u8; 4] = *b"end.";
const CHECKED_BYTES: usize = 40;
/// Magic, length, count, first lsn, known durable, two checksums, end mark.
pub(super) const HEAD_BYTES: usize = CHECKED_BYTES + 8;

/// What a frame takes beside its payload.
pub const FRAME_OVERHEAD_BYTES: usize = HEAD_BYTES + END_MARK.len();

/// The longest payload that is written, and that is believed.
pub const MAX_FRAME_BYTES: usize = 256 << 20;

/// Why there is no frame at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Its head is not whole: nothing is known of it.
    #[error("no frame head")]
    Head,
    /// Its head is whole, its payload is not.
    #[error("frame payload damaged")]
    Payload {
        /// How long the whole frame is, or was to be.
        length: u64,
    },
    /// It is whole, but holds records that this program cannot read.
    #[error("frame holds unknown records")]
    Records {
        /// How long the whole frame is.
        length: u64,
    },
}

/// A frame as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The place of its first record; the others follow without a gap.
    pub first: Lsn,
    /// Up to where the log was known durable when the frame was written.
    pub durable: Position,
    /// Its records, in order.
    pub records: Vec<Record>,
    /// How long the whole frame is.
    pub length: u64,
}

/// Collects records for one frame.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl FrameBuilder {
    /// Adds a record. Says whether it fitted; if not, nothing has changed.
    pub fn push(&mut self, record: &Record) -> Fitted {
        if self.bytes.is_empty() {
            self.bytes.resize(HEAD_BYTES, 0);
        }
        let before = self.bytes.len();
        let written = postcard::to_io(record, &mut self.bytes).is_ok();
        if !written || self.bytes.len() - HEAD_BYTES > MAX_FRAME_BYTES {
            self.bytes.truncate(before);
            return Fitted::No;
        }
        self.count += 1;
        Fitted::Yes
    }

    /// How many records it holds.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How long the whole frame will be.
    pub fn length(&self) -> usize {
        self.bytes.len() + END_MARK.len()
    }

    /// The frame as it stands at its place.
    pub fn finish(&mut self, place: Place, first: Lsn, durable: Position) -> &[u8] {
        let payload = &self.bytes[HEAD_BYTES..];
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend(MAGIC);
        head.extend((payload.len() as u32).to_le_bytes());
        head.extend(self.count.to_le_bytes());
        head.extend(first.0.to_le_bytes());
        head.extend(durable.segment.to_le_bytes());
        head.extend(durable.offset.to_le_bytes());
        head.extend(crc32c::crc32c(payload).to_le_bytes());
        head.extend(head_checksum(place, &head).to_le_bytes());
        head.extend(END_MARK);
        self.bytes[..HEAD_BYTES].copy_from_slice(&head);
        self.bytes.extend(END_MARK);
        &self.bytes
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

/// Whether a record went into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitted {
    /// It did.
    Yes,
    /// It would have grown the frame beyond [`MAX_FRAME_BYTES`].
    No,
}

/// What a frame's head says, once its checksum has been found right.
struct Head {
    length: usize,
    count: u32,
    first: Lsn,
    durable: Position,
    payload_checksum: u32,
}

impl Frame {
    /// Reads the frame that begins where `bytes` begins. Allocates nothing for what is not there.
    ///
    /// # Errors
    /// [`FrameError`]; never panics, whatever the bytes.
    pub fn decode(place: Place, bytes: &[u8]) -> Result<Self, FrameError> {
        let head = decode_head(place, bytes).ok_or(FrameError::Head)?;
        let length = (FRAME_OVERHEAD_BYTES + head.length) as u64;
        let payload = bytes.get(HEAD_BYTES..HEAD_BYTES + head.length).ok_or(FrameError::Payload { length })?;
        let is_whole = crc32c::crc32c(payload) == head.payload_checksum || planted(Mutant::TornTailKept);
        if bytes.len() < length as usize || !is_whole {
            return Err(FrameError::Payload { length });
        }
        let records = decode_records(payload, head.count).ok_or(FrameError::Records { length })?;
        Ok(Self { first: head.first, durable: head.durable, records, length })
    }

    /// The place of its last record.
    pub fn last(&self) -> Lsn {
        Lsn(self.first.0 + (self.records.len() as u64).saturating_sub(1))
    }
}

/// Whether a whole head of a frame of this place stands where `bytes` begins.
pub(super) fn is_head(place: Place, bytes: &[u8]) -> bool {
    decode_head(place, bytes).is_some()
}

fn decode_head(place: Place, bytes: &[u8]) -> Option<Head> {
    let checked = bytes.get(..CHECKED_BYTES)?;
    let mut rest = bytes.get(CHECKED_BYTES..HEAD_BYTES)?;
    if checked[..MAGIC.len()] != MAGIC || head_checksum(place, checked) != rest.get_u32_le() {
        return None;
    }
    let mut fields = &checked[MAGIC.len()..];
    let head = Head {
        length: fields.get_u32_le() as usize,
        count: fields.get_u32_le(),
        first: Lsn(fields.get_u64_le()),
        durable: Position { segment: fields.get_u64_le(), offset: fields.get_u64_le() },
        payload_checksum: fields.get_u32_le(),
    };
    (head.length <= MAX_FRAME_BYTES && head.count > 0).then_some(head)
}

fn decode_records(mut payload: &[u8], count: u32) -> Option<Vec<Record>> {
    // A record takes at least one byte: a count above the payload's length is a lie, and nothing is allocated for it.
    let mut records = Vec::with_capacity(payload.len().min(count as usize));
    for _ in 0..count {
        let (record, rest) = postcard::take_from_bytes(payload).ok()?;
        records.push(record);
        payload = rest;
    }
    payload.is_empty().then_some(records)
}

fn head_checksum(place: Place, checked: &[u8]) -> u32 {
    let salted = crc32c::crc32c(&place.salt.to_le_bytes());
    let numbered = crc32c::crc32c_append(salted, &place.position.segment.to_le_bytes());
    let placed = crc32c::crc32c_append(numbered, &place.position.offset.to_le_bytes());
    crc32c::crc32c_append(placed, checked)
}
