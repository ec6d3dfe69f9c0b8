//! A snapshot's form on disk: a file of chunks.
//!
//! ```text
//! snapshot-0000000007 = head chunk, part chunk, part chunk, ..., end chunk
//! chunk               = magic | kind | index | payload length | payload CRC | head CRC | payload
//! ```
//!
//! `snapshot-N` stands for all segments below `N`; it is written as `snapshot.tmp`, synced, and renamed into place. The checksum
//! of each chunk's head covers N and the chunk's index too, so that a chunk of another snapshot, or one in the wrong place, is
//! none. Only a snapshot whose end chunk counts what was read before it is whole; one that is not whole is not used at all.

use bytes::Buf;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{Key, Snapshot, SnapshotHead, Version};
use crate::id::Lsn;

const MAGIC: [u8; 3] = *b"cwS";
/// The version of the format, a digit.
const VERSION: u8 = b'1';
const NAME_PREFIX: &str = "snapshot-";
const CHECKED_BYTES: usize = 20;

/// The name of a snapshot that is being written.
pub const SNAPSHOT_TEMPORARY_NAME: &str = "snapshot.tmp";

/// How long a chunk's head is.
pub const CHUNK_HEAD_BYTES: usize = CHECKED_BYTES + 4;

/// The longest payload of a chunk that is written, and that is believed.
pub const MAX_CHUNK_BYTES: usize = 1 << 30;

/// The name of the snapshot that stands for all segments below this one.
pub fn snapshot_name(segment: u64) -> String {
    format!("{NAME_PREFIX}{segment:010}")
}

/// The segment at which the log goes on behind the snapshot in a file of this name, if it is one.
pub fn snapshot_segment(name: &str) -> Option<u64> {
    let segment = name.strip_prefix(NAME_PREFIX)?.parse().ok()?;
    (snapshot_name(segment) == name).then_some(segment)
}

/// Why a snapshot's file is not a whole snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// A chunk's checksum is not right, or the file ends within it.
    #[error("chunk {0} damaged")]
    Damaged(u32),
    /// A chunk is whole, but holds what this program cannot read.
    #[error("chunk {0} unknown")]
    Unknown(u32),
    /// A later version of the format.
    #[error("format version {0} is newer than this program")]
    Newer(u8),
    /// The end chunk does not count what stands before it.
    #[error("chunks missing")]
    Incomplete,
    /// More than fits a chunk: cannot be written.
    #[error("part too large")]
    TooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Head = 1,
    Part = 2,
    End = 3,
}

/// What the head chunk holds.
#[derive(Debug, Serialize, Deserialize)]
struct Opening {
    last: Lsn,
    head: SnapshotHead,
}

/// What the end chunk holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Closing {
    parts: u32,
    entries: u64,
}

/// Writes the chunks of one snapshot, one behind the other.
#[derive(Debug)]
pub struct SnapshotEncoder {
    segment: u64,
    chunks: u32,
    entries: u64,
}

impl SnapshotEncoder {
    /// For the snapshot that stands for all segments below this one.
    pub fn new(segment: u64) -> Self {
        Self { segment, chunks: 0, entries: 0 }
    }

    /// The first chunk. `last` is the last record that the snapshot stands for.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`].
    pub fn head(&mut self, last: Lsn, head: SnapshotHead) -> Result<Vec<u8>, SnapshotError> {
        self.chunk(Kind::Head, &Opening { last, head })
    }

    /// The next chunk: keys with their versions.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`].
    pub fn part(&mut self, entries: &[(Key, Vec<Version>)]) -> Result<Vec<u8>, SnapshotError> {
        self.entries += entries.len() as u64;
        self.chunk(Kind::Part, entries)
    }

    /// The last chunk.
    ///
    /// # Errors
    /// None in practice: it is small.
    pub fn end(&mut self) -> Result<Vec<u8>, SnapshotError> {
        let closing = Closing { parts: self.chunks - 1, entries: self.entries };
        self.chunk(Kind::End, &closing)
    }

    fn chunk(&mut self, kind: Kind, content: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = vec![0; CHUNK_HEAD_BYTES];
        postcard::to_io(content, &mut bytes).map_err(|_| SnapshotError::TooLarge)?;
        let payload = &bytes[CHUNK_HEAD_BYTES..];
        if payload.len() > MAX_CHUNK_BYTES {
            return Err(SnapshotError::TooLarge);
        }
        let mut head = Vec::with_capacity(CHUNK_HEAD_BYTES);
        head.extend(MAGIC);
        head.push(VERSION);
        head.extend((kind as u32).to_le_bytes());
        head.extend(self.chunks.to_le_bytes());
        head.extend((payload.len() as u32).to_le_bytes());
        head.extend(crc32c::crc32c(payload).to_le_bytes());
        head.extend(checksum(self.segment, &head).to_le_bytes());
        bytes[..CHUNK_HEAD_BYTES].copy_from_slice(&head);
        self.chunks += 1;
        Ok(bytes)
    }
}

/// A chunk's head, found right.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHead {
    kind: Kind,
    length: usize,
    payload_checksum: u32,
}

impl ChunkHead {
    /// How many bytes of payload follow.
    pub fn length(&self) -> usize {
        self.length
    }
}

/// Whether a reader wants more chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another chunk follows.
    More,
    /// That was the end, and all is there.
    Whole,
}

/// Reads the chunks of one snapshot: a head, then its payload, until it is whole.
#[derive(Debug)]
pub struct SnapshotDecoder {
    segment: u64,
    chunks: u32,
    last: Lsn,
    snapshot: Snapshot,
}

impl SnapshotDecoder {
    /// For the snapshot that stands for all segments below this one.
    pub fn new(segment: u64) -> Self {
        Self { segment, chunks: 0, last: Lsn::default(), snapshot: Snapshot::default() }
    }

    /// Reads a whole snapshot from the contents of its file.
    ///
    /// # Errors
    /// [`SnapshotError`], whatever is not right first.
    pub fn read(segment: u64, mut bytes: &[u8]) -> Result<(Snapshot, Lsn), SnapshotError> {
        let mut decoder = Self::new(segment);
        loop {
            let damaged = SnapshotError::Damaged(decoder.next_chunk());
            let (head, rest) = bytes.split_first_chunk::<CHUNK_HEAD_BYTES>().ok_or(damaged)?;
            let head = decoder.chunk_head(head, rest.len() as u64)?;
            let (payload, rest) = rest.split_at(head.length());
            match decoder.payload(head, payload)? {
                Progress::More => bytes = rest,
                Progress::Whole => return Ok(decoder.into_snapshot()),
            }
        }
    }

    /// Reads the head of the next chunk, of which at most `left` bytes of payload can follow in the file.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], or [`SnapshotError::Newer`] where the head is whole and of a later version.
    pub fn chunk_head(&self, bytes: &[u8; CHUNK_HEAD_BYTES], left: u64) -> Result<ChunkHead, SnapshotError> {
        let damaged = SnapshotError::Damaged(self.chunks);
        let (checked, mut rest) = bytes.split_at(CHECKED_BYTES);
        if checksum(self.segment, checked) != rest.get_u32_le() || checked[..MAGIC.len()] != MAGIC {
            return Err(damaged);
        }
        let mut fields = &checked[MAGIC.len()..];
        match fields.get_u8() {
            VERSION => {}
            version if version > VERSION => return Err(SnapshotError::Newer(version - b'0')),
            _ => return Err(damaged),
        }
        let kind = match fields.get_u32_le() {
            1 => Kind::Head,
            2 => Kind::Part,
            3 => Kind::End,
            _ => return Err(SnapshotError::Unknown(self.chunks)),
        };
        let (index, length, payload_checksum) = (fields.get_u32_le(), fields.get_u32_le() as usize, fields.get_u32_le());
        if index != self.chunks || length > MAX_CHUNK_BYTES || length as u64 > left {
            return Err(damaged);
        }
        Ok(ChunkHead { kind, length, payload_checksum })
    }

    /// Takes a chunk's payload.
    ///
    /// # Errors
    /// [`SnapshotError`]: what was read so far is of no use.
    pub fn payload(&mut self, head: ChunkHead, payload: &[u8]) -> Result<Progress, SnapshotError> {
        if payload.len() != head.length || crc32c::crc32c(payload) != head.payload_checksum {
            return Err(SnapshotError::Damaged(self.chunks));
        }
        match (head.kind, self.chunks) {
            (Kind::Head, 0) => {
                let opening: Opening = self.content(payload)?;
                (self.last, self.snapshot.head) = (opening.last, opening.head);
            }
            (Kind::Part, 1..) => {
                let entries: Vec<(Key, Vec<Version>)> = self.content(payload)?;
                self.snapshot.entries.extend(entries);
            }
            (Kind::End, 1..) => {
                let counted = Closing { parts: self.chunks - 1, entries: self.snapshot.entries.len() as u64 };
                let closing: Closing = self.content(payload)?;
                return if closing == counted { Ok(Progress::Whole) } else { Err(SnapshotError::Incomplete) };
            }
            _ => return Err(SnapshotError::Incomplete),
        }
        self.chunks += 1;
        Ok(Progress::More)
    }

    /// The number of the chunk that comes next.
    pub fn next_chunk(&self) -> u32 {
        self.chunks
    }

    /// The snapshot, once it is whole, and the last record that it stands for.
    pub fn into_snapshot(self) -> (Snapshot, Lsn) {
        (self.snapshot, self.last)
    }

    fn content<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, SnapshotError> {
        match postcard::take_from_bytes(payload) {
            Ok((content, [])) => Ok(content),
            _ => Err(SnapshotError::Unknown(self.chunks)),
        }
    }
}

fn checksum(segment: u64, checked: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&segment.to_le_bytes()), checked)
}
