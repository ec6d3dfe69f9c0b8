//! How a frame and the file's head look. A codec without IO.

use bytes::Buf;

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

const FRAME_MAGIC: [u8; 4] = *b"cwC1";
const FILE_MAGIC: [u8; 11] = *b"cw-control-";
/// The version of the file, a digit.
const VERSION: u8 = b'1';
const HEAD_CHECKED_BYTES: usize = FILE_MAGIC.len() + 1 + 8;

/// How many bytes of a file say what it is.
pub const HEAD_BYTES: usize = HEAD_CHECKED_BYTES + 4;

/// Magic, length, durable, payload checksum, head checksum.
const FRAME_HEAD_BYTES: usize = 24;
const CHECKED_BYTES: usize = 20;

/// The longest payload that is believed.
const PAYLOAD_BYTES_CAP: usize = 64 << 20;

/// A whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Up to where the file was durable when this was written.
    pub durable: u64,
    /// What it holds; nothing in a seal.
    pub payload: &'a [u8],
    /// How many bytes it takes, up to the next sector.
    pub length: usize,
}

/// The file's head, a sector. `salt` is drawn for each file: what an older file left in a sector is no frame of this one.
pub fn encode_head(salt: u64) -> Vec<u8> {
    let mut head = FILE_MAGIC.to_vec();
    head.push(VERSION);
    head.extend(salt.to_le_bytes());
    head.extend(crc32c::crc32c(&head).to_le_bytes());
    head.resize(SECTOR_BYTES, 0);
    head
}

/// What a file's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The salt.
    Salt(u64),
    /// The file is of this later version.
    Newer(u8),
}

/// The head, if this is one.
pub fn decode_head(bytes: &[u8]) -> Option<Head> {
    let checked = bytes.get(..HEAD_CHECKED_BYTES)?;
    let mut checksum = bytes.get(HEAD_CHECKED_BYTES..HEAD_BYTES)?;
    let right = checked.starts_with(&FILE_MAGIC) && crc32c::crc32c(checked) == checksum.get_u32_le();
    let mut fields = checked.get(FILE_MAGIC.len()..).filter(|_| right)?;
    match fields.get_u8() {
        VERSION => Some(Head::Salt(fields.get_u64_le())),
        version => (version > VERSION).then(|| Head::Newer(version - b'0')),
    }
}

/// Appends a frame that will stand at `offset`, up to the end of its last sector.
pub fn encode_frame(payload: &[u8], (salt, offset, durable): (u64, u64, u64), output: &mut Vec<u8>) {
    let start = output.len();
    output.extend(FRAME_MAGIC);
    output.extend((payload.len() as u32).to_le_bytes());
    output.extend(durable.to_le_bytes());
    output.extend(crc32c::crc32c(payload).to_le_bytes());
    let checksum = head_checksum(salt, offset, &output[start..]);
    output.extend(checksum.to_le_bytes());
    output.extend(payload);
    output.resize(start + (output.len() - start).next_multiple_of(SECTOR_BYTES), 0);
}

/// The frame that begins where `bytes` begins, which is at `offset` of the file. Never panics, whatever the bytes.
pub fn decode_frame(bytes: &[u8], (salt, offset): (u64, u64)) -> Option<Frame<'_>> {
    let checked = bytes.get(..CHECKED_BYTES)?;
    let mut checksum = bytes.get(CHECKED_BYTES..FRAME_HEAD_BYTES)?;
    if !checked.starts_with(&FRAME_MAGIC) || head_checksum(salt, offset, checked) != checksum.get_u32_le() {
        return None;
    }
    let mut fields = &checked[FRAME_MAGIC.len()..];
    let (payload_bytes, durable, payload_checksum) = (fields.get_u32_le() as usize, fields.get_u64_le(), fields.get_u32_le());
    if payload_bytes > PAYLOAD_BYTES_CAP {
        return None;
    }
    let payload = bytes.get(FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + payload_bytes)?;
    let length = (FRAME_HEAD_BYTES + payload_bytes).next_multiple_of(SECTOR_BYTES);
    (crc32c::crc32c(payload) == payload_checksum && bytes.len() >= length).then_some(Frame { durable, payload, length })
}

fn head_checksum(salt: u64, offset: u64, checked: &[u8]) -> u32 {
    let salted = crc32c::crc32c(&salt.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(salted, &offset.to_le_bytes()), checked)
}
