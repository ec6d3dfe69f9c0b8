//! Damage to a snapshot: it is read as it was written, or not at all.
#![no_main]

use causeway::store::SnapshotDecoder;
use causeway_fuzz::{edit, entries, snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let (segment, intact) = snapshot();
    if let Ok(found) = SnapshotDecoder::read(segment, &edit(intact.clone(), script)) {
        assert_eq!(Ok(&found), SnapshotDecoder::read(segment, &intact).as_ref());
        assert_eq!(found.0.entries, entries());
    }
});
