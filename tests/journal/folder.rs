//! The journal in a folder of real files, and what `causeway log` says of one.

use std::{fs, io, path::Path};

use causeway::{
    cli::log::{Verified, inspect, verify},
    node::JournalCommand,
    store::{Record, SetAside, log::Finding},
};

use super::{
    disk::TestDisk,
    life::{OWN, begin, options, record},
};

/// The files of a disk, in a real folder.
fn written(disk: &TestDisk, folder: &Path) {
    for name in disk.names() {
        fs::write(folder.join(&name), disk.bytes(&name)).expect("room");
    }
}

fn said(look: impl Fn(&Path, &mut Vec<u8>) -> io::Result<Verified>, folder: &Path) -> (Verified, String) {
    let mut out = Vec::new();
    let verified = look(folder, &mut out).expect("a readable folder");
    (verified, String::from_utf8(out).expect("text"))
}

#[test]
fn a_whole_folder_is_said_to_be_whole_and_listed_without_values() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=2);
    life.append([3]);
    life.stop();
    let folder = tempfile::tempdir().expect("a temporary folder");
    written(&disk, folder.path());
    let (verified, text) = said(verify, folder.path());
    assert!(!verified.is_damaged() && verified.findings.is_empty());
    insta::assert_snapshot!(text, @r"
    marks       node 127.0.0.1:8090 of cluster 0000000000c0ffee, fsync always, stopped cleanly
                log durable up to 1+1483, lsn 3
                the node has written none
    log 1       2 frames, 3 records, lsn 1 to 3, 1483 bytes
    whole: 3 records, 0 findings
    ");
    let (_, text) = said(inspect, folder.path());
    insta::assert_snapshot!(text, @r"
    marks       node 127.0.0.1:8090 of cluster 0000000000c0ffee, fsync always, stopped cleanly
                log durable up to 1+1483, lsn 3
                the node has written none
    log 1       2 frames, 3 records, lsn 1 to 3, 1483 bytes
      1+1024 lsn 1 k1 a3@1001.0 59 bytes
      1+1024 lsn 2 k2 a3@1002.0 96 bytes
      1+1275 lsn 3 k3 a1@1003.0 133 bytes
    whole: 3 records, 0 findings
    ");
}

#[test]
fn damage_is_named_with_its_place() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=2);
    life.append([3]);
    life.stop();
    let folder = tempfile::tempdir().expect("a temporary folder");
    written(&disk, folder.path());
    let mut bytes = disk.bytes("log-0000000001");
    bytes[1_100] ^= 1;
    fs::write(folder.path().join("log-0000000001"), bytes).expect("room");
    let (verified, text) = said(verify, folder.path());
    assert!(verified.is_damaged());
    assert!(matches!(verified.findings[..], [Finding::LostFrames { segment: 1, gap }] if gap.from == 1_024));
    insta::assert_snapshot!(text, @r"
    marks       node 127.0.0.1:8090 of cluster 0000000000c0ffee, fsync always, stopped cleanly
                log durable up to 1+1483, lsn 3
                the node has written none
    log 1       1 frames, 1 records, lsn 3 to 3, 1483 bytes
    DAMAGE      log 1: bytes 1024 to 1275 damaged
    damaged: 1 records, 1 findings
    ");
    assert_eq!(fs::read_dir(folder.path()).expect("still there").count(), disk.names().len(), "it only reads");
}

#[test]
fn what_was_set_aside_is_listed_beside_the_log() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    let Record::Write(write) = record(1) else { panic!("records are writes here") };
    let set = SetAside { actor: OWN, cut: None, writes: vec![write], left_out: 2 };
    life.tell([JournalCommand::SetAside(set)]);
    life.stop();
    let folder = tempfile::tempdir().expect("a temporary folder");
    written(&disk, folder.path());
    let (verified, text) = said(inspect, folder.path());
    assert!(!verified.is_damaged());
    insta::assert_snapshot!(text.lines().skip(4).collect::<Vec<_>>().join("\n"), @r"
    set aside   1 records of a3, 2 left out, some of which may count
      k1 a3@1001.0 59 bytes
    whole: 0 records, 0 findings
    ");
    let file = folder.path().join(format!("set-aside-{}", OWN.0));
    fs::write(&file, b"cwA1 and no more").expect("room");
    let (verified, text) = said(verify, folder.path());
    assert!(verified.is_damaged() && text.contains("DAMAGE      set aside of a3: damaged"), "{text}");
}
