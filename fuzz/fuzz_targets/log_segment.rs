//! Damage to a log segment: what is read of it was written there, in order; what is missing is said to be.
#![no_main]

use causeway::store::{Record, log::scan_segment};
use causeway_fuzz::{edit, records, segment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let (number, intact) = segment();
    let damaged = edit(intact.clone(), script);
    let scan = scan_segment(number, &damaged);
    let written = records();
    let read: Vec<&Record> = scan.frames.iter().flat_map(|placed| &placed.frame.records).collect();
    let mut rest = written.iter();
    for record in &read {
        assert!(rest.any(|was| was == *record), "a record that was never written there: {record:?}");
    }
    if read.len() < written.len() {
        let is_said = scan.head.is_err() || !scan.gaps.is_empty() || damaged.len() < intact.len();
        assert!(is_said, "records are missing without a word");
    }
});
