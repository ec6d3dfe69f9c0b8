//! What a later version wrote is refused as that, and nothing of it is touched: it is not damage.

use std::fs;

use bytes::BytesMut;
use causeway::{
    runtime::{
        control::{CONTROL_NAME, newer_version},
        tokio::{FRAME_VERSION, FolderDisk, FrameDecoder, FrameError, PAYLOAD_BYTES_CAP, encode_frame},
    },
    store::{CHUNK_HEAD_BYTES, SECTOR_BYTES},
};

use crate::{
    files::SEGMENT,
    golden::newest,
    recovery::{disk, names, start_on},
};

fn put_checksum(bytes: &mut [u8], at: usize, checksum: u32) {
    bytes[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_frame_of_a_later_version_is_refused_as_that() {
    let mut frame = BytesMut::new();
    encode_frame(b"what nobody here can read", &mut frame).expect("a short frame");
    frame[4] = FRAME_VERSION + 1;
    let header = crc32c::crc32c(&frame[..5]);
    put_checksum(&mut frame, 5, header);
    let payload = crc32c::crc32c_append(header, &frame[13..]);
    put_checksum(&mut frame, 9, payload);
    let mut decoder = FrameDecoder::new(PAYLOAD_BYTES_CAP);
    decoder.buffer().extend_from_slice(&frame);
    assert_eq!(decoder.next_frame(), Err(FrameError::UnknownVersion(FRAME_VERSION + 1)));
}

/// Starts on a disk with one file of a later version: what is said, after nothing has changed there.
fn refusal(name: &str, bytes: Vec<u8>) -> String {
    let folder = disk(&[(name.to_owned(), bytes)]);
    let read = || names().map(|name| fs::read(folder.path().join(name)).expect("a file that stays"));
    let before = read();
    let said = start_on(folder.path()).expect_err("it is of a later version").to_string();
    assert!(read() == before, "{name} was refused, and something has changed on the disk");
    said
}

#[test]
fn a_log_of_a_later_version_is_refused_as_that() {
    let [name, ..] = names();
    let mut bytes = newest(&name);
    for copy in [0, SECTOR_BYTES] {
        bytes[copy + 7] += 1;
        let checksum = crc32c::crc32c(&bytes[copy..copy + 56]);
        put_checksum(&mut bytes, copy + 56, checksum);
    }
    assert_eq!(refusal(&name, bytes), "segment 7 has format version 2, which is newer than this program");
}

#[test]
fn a_snapshot_of_a_later_version_is_refused_as_that() {
    let [_, name, ..] = names();
    let mut bytes = newest(&name);
    bytes[3] += 1;
    let placed = crc32c::crc32c(&SEGMENT.to_le_bytes());
    let checksum = crc32c::crc32c_append(placed, &bytes[..CHUNK_HEAD_BYTES - 4]);
    put_checksum(&mut bytes, CHUNK_HEAD_BYTES - 4, checksum);
    assert_eq!(refusal(&name, bytes), "snapshot 7 has format version 2, which is newer than this program");
}

#[test]
fn marks_of_a_later_version_are_refused_as_that() {
    let [_, _, name, _] = names();
    let mut bytes = newest(&name);
    for sector in bytes.chunks_mut(SECTOR_BYTES) {
        sector[3] += 1;
        let placed = crc32c::crc32c(&0_u64.to_le_bytes());
        let checked = crc32c::crc32c_append(placed, &sector[..20]);
        let checksum = crc32c::crc32c_append(checked, &sector[24..]);
        put_checksum(sector, 20, checksum);
    }
    assert_eq!(refusal(&name, bytes), "the marks have format version 2, which is newer than this program");
}

#[test]
fn a_config_log_of_a_later_version_is_known_as_that() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let version = |bytes: &[u8]| {
        fs::write(folder.path().join(CONTROL_NAME), bytes).expect("room");
        let disk = FolderDisk::open(folder.path()).expect("a folder of our own");
        runtime.block_on(newer_version(&disk)).expect("a disk that can be read")
    };
    let mut bytes = newest(CONTROL_NAME);
    assert_eq!(version(&bytes), None);
    bytes[11] += 1;
    assert_eq!(version(&bytes), None, "that is damage");
    let checksum = crc32c::crc32c(&bytes[..20]);
    put_checksum(&mut bytes, 20, checksum);
    assert_eq!(version(&bytes), Some(2));
}
