//! Damage to a snapshot: it is read as it was written, or not at all.
#![no_main]

use causeway::store::{CHUNK_HEAD_BYTES, Progress, Snapshot, SnapshotDecoder, SnapshotError};
use causeway_fuzz::{edit, entries, snapshot};
use libfuzzer_sys::fuzz_target;

/// Reads as recovery does.
fn read(segment: u64, mut bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    let mut decoder = SnapshotDecoder::new(segment);
    loop {
        let damaged = SnapshotError::Damaged(decoder.next_chunk());
        let (head, rest) = bytes.split_first_chunk::<CHUNK_HEAD_BYTES>().ok_or(damaged)?;
        let head = decoder.chunk_head(head, rest.len() as u64)?;
        let (payload, rest) = rest.split_at(head.length());
        match decoder.payload(head, payload)? {
            Progress::Whole => return Ok(decoder.into_snapshot().0),
            Progress::More => bytes = rest,
        }
    }
}

fuzz_target!(|script: &[u8]| {
    let (segment, intact) = snapshot();
    if let Ok(found) = read(segment, &edit(intact.clone(), script)) {
        assert_eq!(Ok(&found), read(segment, &intact).as_ref());
        assert_eq!(found.entries, entries());
    }
});
