//! A log record behind its checksum, and what a snapshot's chunks hold: read as something that is written as the same bytes again, or
//! refused.
#![no_main]

use causeway::store::{Record, SnapshotHead};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((record, _)) = postcard::take_from_bytes::<Record>(bytes) {
        let again = postcard::to_stdvec(&record).expect("what was read can be written");
        assert_eq!(postcard::from_bytes::<Record>(&again).as_ref(), Ok(&record));
        if let Record::Write(write) = &record {
            assert_eq!(write.version().seen(write.epoch), write.seen());
        }
    }
    if let Ok((head, _)) = postcard::take_from_bytes::<SnapshotHead>(bytes) {
        let again = postcard::to_stdvec(&head).expect("what was read can be written");
        assert_eq!(postcard::from_bytes::<SnapshotHead>(&again), Ok(head));
    }
});
