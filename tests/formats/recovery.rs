//! A node of today starts on the disk of a node of then.

use std::{fs, path::Path};

use causeway::{
    id::{ActorId, Lsn},
    runtime::{
        journal::{self, JournalError, JournalOptions},
        tokio::FolderDisk,
    },
    store::{MARKS_NAME, Recovered, Verdict, log::segment_name, set_aside_name, snapshot_name},
};
use tempfile::TempDir;

use crate::{files, golden::newest, values};

/// The names of a node's files.
pub fn names() -> [String; 4] {
    let segment = files::SEGMENT;
    [segment_name(segment), snapshot_name(segment), MARKS_NAME.to_owned(), set_aside_name(ActorId(3))]
}

/// A folder with the kept files of a node, of which some may be replaced.
pub fn disk(replaced: &[(String, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in names() {
        let other = replaced.iter().find(|(replaced, _)| *replaced == name).map(|(_, bytes)| bytes.clone());
        fs::write(folder.path().join(&name), other.unwrap_or_else(|| newest(&name))).expect("room");
    }
    folder
}

/// What a node finds there when it starts, and how many things that are out of the ordinary.
pub fn start_on(folder: &Path) -> Result<(Recovered, usize), JournalError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let disk = FolderDisk::open(folder).expect("a folder of our own");
    let opened = runtime.block_on(journal::open(disk, &JournalOptions::new(files::identity(), 1)));
    opened.map(|(journal, recovered)| (recovered, journal.findings().len()))
}

#[test]
fn a_disk_of_then_is_recovered_whole() {
    let folder = disk(&[]);
    let (recovered, findings) = start_on(folder.path()).expect("a disk that can be read");
    assert_eq!(findings, 0);
    let records = files::records().concat();
    let expected = Recovered {
        snapshot: Some(files::snapshot()),
        last: Lsn(1_000 + records.len() as u64),
        records,
        marks: files::marks().marks,
        set_aside: vec![files::set_aside()],
        verdict: Verdict::Complete,
    };
    assert_eq!(recovered, expected);
    assert!(recovered.marks.is_some_and(|marks| marks.lease == values::hlc(1_000)));
}
