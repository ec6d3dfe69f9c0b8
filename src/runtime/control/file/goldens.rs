//! The file with every kind of record in it, for the test that compares it with what earlier commits wrote.

use super::{
    Record,
    frame::{HEAD_BYTES, encode_frame, encode_head},
    scan::{Scan, scan},
};
use crate::{
    placement::Config,
    runtime::control::{
        decided::Decided,
        founding::Acceptor,
        goldens::{entries, founding, group, log_id, machine, meta, vote},
    },
};

const FILE_VERSION_AT: usize = 11;
const SALT: u64 = 0x5a17_5a17_5a17_5a17;

/// One of each kind.
pub fn records() -> Vec<Record<Config>> {
    vec![
        Record::Disk(0xfedc_ba98),
        Record::Founding(Acceptor::settled(founding())),
        Record::Group(group()),
        Record::Vote(vote()),
        Record::Append(entries()),
        Record::TruncateAfter(Some(log_id(70_010))),
        Record::Purge(log_id(70_000)),
        Record::Committed(Some(log_id(70_005))),
        Record::Snapshot(meta(), machine().into()),
    ]
}

/// The file by today's code, up to its seal.
pub fn written() -> Vec<u8> {
    let mut bytes = encode_head(SALT);
    for record in records() {
        let payload = postcard::to_allocvec(&record).expect("a record");
        let offset = bytes.len() as u64;
        encode_frame(&payload, (SALT, offset, offset), &mut bytes);
    }
    let end = bytes.len() as u64;
    encode_frame(&[], (SALT, end, end), &mut bytes);
    bytes
}

/// The same of a later version.
fn newer() -> Vec<u8> {
    let mut bytes = written();
    bytes[FILE_VERSION_AT] += 1;
    let checksum = crc32c::crc32c(&bytes[..HEAD_BYTES - 4]);
    bytes[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn a_file_of_a_later_version_is_not_damaged() {
    assert_eq!(scan(&newer()), Scan::Newer(2));
}

/// What a file holds.
pub fn read<D: Decided>(bytes: &[u8]) -> Vec<Record<D>> {
    let Scan::Whole { salt: SALT, payloads, .. } = scan(bytes) else { panic!("a whole file") };
    let records = payloads.into_iter().map(postcard::take_from_bytes);
    records
        .map(|read| read.expect("a record that can be read"))
        .map(|(record, rest)| (record, assert!(rest.is_empty())).0)
        .collect()
}
