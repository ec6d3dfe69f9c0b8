//! Bits that flip, writes that vanish, files that go: noticed, or of no consequence, and never served.

use causeway::{
    clock::Hlc,
    node::JournalCommand,
    store::{
        Marks, Recovered, SnapshotHead, Verdict,
        log::{Finding, SEGMENT_HEAD_BYTES, scan_segment},
    },
};

use super::{
    disk::{Death, TestDisk},
    life::{Life, begin, options, place, places, record},
};

const END_MARK_BYTES: usize = 4;

fn mark(lease: u64) -> JournalCommand {
    JournalCommand::Mark(Marks { lease: Hlc(lease), may_write: true, ..Marks::default() })
}

/// A disk with a snapshot, three segments and marks, and its last journal, still running: the last marks know of all of the log
/// but its last frame.
fn written() -> (TestDisk, Life) {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=2);
    let entries = (1..=2).map(|place| (format!("k{place}").into(), Vec::new())).collect();
    let snapshot = [JournalCommand::SnapshotBegin(SnapshotHead::default()), JournalCommand::SnapshotPart(entries)];
    life.tell(snapshot.into_iter().chain([JournalCommand::SnapshotEnd, mark(1)]));
    for first in (3..=24).step_by(2) {
        life.append(first..=first + 1);
    }
    life.tell([mark(2), mark(3)]);
    life.append(25..=26);
    (disk, life)
}

/// A whole disk after a clean stop.
fn stopped() -> TestDisk {
    let (disk, life) = written();
    life.stop();
    disk
}

/// A whole disk after a crash.
fn crashed() -> TestDisk {
    let (disk, life) = written();
    drop(life);
    disk.crash(Death::PowerLoss { lost_percent: 100 }, 1);
    disk
}

fn recover(disk: &TestDisk) -> Recovered {
    begin(disk, &options()).recovered
}

/// Recovers a copy with other bytes in one file.
fn recover_with(disk: &TestDisk, name: &str, bytes: Vec<u8>) -> Recovered {
    let copy = disk.copy();
    copy.set_bytes(name, bytes);
    recover(&copy)
}

/// Either nothing is missing, or it is said that something may be; in no case is there anything that was not written.
fn judge(whole: &Recovered, found: &Recovered) -> Result<(), String> {
    if let Some(altered) = found.records.iter().find(|found| **found != record(place(found))) {
        return Err(format!("serves an altered record: {altered:?}"));
    }
    if found.snapshot.is_some() && found.snapshot != whole.snapshot {
        return Err("serves an altered snapshot".to_owned());
    }
    match found.verdict {
        Verdict::Complete if found == whole => Ok(()),
        Verdict::MayLack | Verdict::Damaged => Ok(()),
        verdict => Err(format!("{verdict:?} with {:?}, {:?}", places(found), found.marks)),
    }
}

fn names(disk: &TestDisk, prefix: &str) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.starts_with(prefix)).collect()
}

/// Flips a bit of every byte of a file, in its first bytes: each bit by turns.
fn flip_every_byte(disk: &TestDisk, name: &str, first_bytes: usize) {
    let whole = recover(&disk.copy());
    assert_eq!(whole.verdict, Verdict::Complete);
    let intact = disk.bytes(name);
    let mut noticed = 0;
    for at in 0..intact.len().min(first_bytes) {
        let mut bytes = intact.clone();
        // By turns that are not in step with the fields.
        bytes[at] ^= 1 << (at % 7 + at % 2);
        let found = recover_with(disk, name, bytes);
        judge(&whole, &found).unwrap_or_else(|wrong| panic!("{name}, byte {at}: {wrong}"));
        noticed += u32::from(found.verdict != Verdict::Complete);
    }
    assert!(noticed > 0, "{name}: no flip was noticed at all");
}

#[test]
fn a_flipped_bit_in_the_log_is_noticed_or_harmless() {
    let (stopped, crashed) = (stopped(), crashed());
    let segments = names(&crashed, "log-");
    let (first, last) = (&segments[0], &segments[segments.len() - 1]);
    assert!(segments.len() >= 3, "{segments:?}");
    // The first has others behind it; of the last the marks know all, or all but the last frame.
    for (disk, name) in [(&crashed, first), (&crashed, last), (&stopped, last)] {
        flip_every_byte(disk, name, usize::MAX);
    }
}

#[test]
fn a_flipped_bit_in_a_snapshot_is_noticed() {
    let disk = stopped();
    for name in names(&disk, "snapshot-") {
        flip_every_byte(&disk, &name, usize::MAX);
    }
}

#[test]
fn a_flipped_bit_in_the_marks_is_noticed_or_harmless() {
    for disk in [stopped(), crashed()] {
        flip_every_byte(&disk, "marks", 600);
        let whole = recover(&disk.copy());
        let intact = disk.bytes("marks");
        for at in (0..intact.len()).step_by(61) {
            let mut bytes = intact.clone();
            bytes[at] ^= 1;
            judge(&whole, &recover_with(&disk, "marks", bytes)).unwrap_or_else(|wrong| panic!("byte {at}: {wrong}"));
        }
    }
}

#[test]
fn a_damaged_frame_costs_its_own_records_only() {
    let disk = crashed();
    let name = names(&disk, "log-")[0].clone();
    let whole = places(&recover(&disk.copy()));
    for damaged_at in [SEGMENT_HEAD_BYTES as usize + 2, SEGMENT_HEAD_BYTES as usize + 60] {
        let mut bytes = disk.bytes(&name);
        bytes[damaged_at] ^= 4;
        let found = recover_with(&disk, &name, bytes);
        let lost: Vec<u64> = whole.iter().copied().filter(|place| !places(&found).contains(place)).collect();
        assert_eq!((lost, found.verdict), (vec![3, 4], Verdict::Damaged), "the frame of both, head or payload damaged");
    }
}

#[test]
fn a_frame_that_is_missing_between_segments_is_a_hole() {
    let disk = crashed();
    let name = names(&disk, "log-")[0].clone();
    let bytes = disk.bytes(&name);
    let whole = scan_segment(2, &bytes);
    let last = whole.frames.last().expect("frames").offset as usize;
    let found = recover_with(&disk, &name, bytes[..last].to_vec());
    assert_eq!(found.verdict, Verdict::Damaged);
}

#[test]
fn a_damaged_last_frame_is_a_lost_end_and_once_noted_is_none_of_the_log() {
    let disk = crashed();
    let name = names(&disk, "log-").pop().expect("a segment");
    let mut bytes = disk.bytes(&name);
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    disk.set_bytes(&name, bytes);
    let mut life = begin(&disk, &options());
    assert_eq!(life.recovered.verdict, Verdict::MayLack);
    assert!(matches!(life.findings[..], [Finding::LostEnd { .. }]));
    let before = places(&life.recovered);
    life.tell([mark(9)]);
    life.append([30]);
    drop(life);
    let after = begin(&disk, &options());
    assert!(matches!(after.findings[..], [Finding::NotedLoss { .. }]), "{:?}", after.findings);
    assert_eq!(after.recovered.verdict, Verdict::Complete);
    assert_eq!(places(&after.recovered), [&before[..], &[30]].concat());
}

#[test]
fn a_log_that_lost_its_end_stays_so_until_the_node_takes_note() {
    let disk = stopped();
    let name = names(&disk, "log-").pop().expect("a segment");
    disk.set_bytes(&name, disk.bytes(&name)[..SEGMENT_HEAD_BYTES as usize].to_vec());
    for _ in 0..3 {
        assert_eq!(recover(&disk).verdict, Verdict::MayLack, "it crashed before it could write marks");
    }
    begin(&disk, &options()).tell([mark(9)]);
    assert_eq!(recover(&disk).verdict, Verdict::Complete);
}

#[test]
fn a_damaged_log_stays_so_until_a_snapshot_and_marks_take_its_place() {
    let disk = crashed();
    let name = names(&disk, "log-")[0].clone();
    let mut bytes = disk.bytes(&name);
    bytes[SEGMENT_HEAD_BYTES as usize + 60] ^= 4;
    disk.set_bytes(&name, bytes);
    for _ in 0..3 {
        let mut life = begin(&disk, &options());
        assert_eq!(life.recovered.verdict, Verdict::Damaged);
        life.tell([mark(9)]);
        life.stop();
    }
    let mut life = begin(&disk, &options());
    let last = life.recovered.last.0;
    life.append([last + 1]);
    life.tell([JournalCommand::SnapshotBegin(SnapshotHead::default()), JournalCommand::SnapshotEnd, mark(10)]);
    life.stop();
    assert_eq!(recover(&disk).verdict, Verdict::Complete);
}

#[test]
fn a_log_cut_anywhere_after_a_crash_keeps_every_whole_frame() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    let mut ends = Vec::new();
    for lsn in 1..=5 {
        life.append([lsn]);
        ends.push((disk.bytes("log-0000000001").len(), lsn));
    }
    drop(life);
    let intact = disk.bytes("log-0000000001");
    for size in 0..=intact.len() {
        let mut zeroed = intact.clone();
        zeroed[size..].fill(0);
        for bytes in [intact[..size].to_vec(), zeroed] {
            // The end mark of a frame need not be what it was, only be there.
            let is_whole = |end: usize| bytes.len() >= end && bytes[..end - END_MARK_BYTES] == intact[..end - END_MARK_BYTES];
            let whole = ends.iter().filter(|(end, _)| is_whole(*end)).map(|(_, lsn)| *lsn).max().unwrap_or(0);
            let copy = disk.copy();
            copy.set_bytes("log-0000000001", bytes);
            let mut life = begin(&copy, &options());
            assert_eq!(places(&life.recovered), (1..=whole).collect::<Vec<_>>(), "cut at {size}");
            // What goes on behind the cut is found again, and nothing of what was cut.
            let next = life.recovered.last.0 + 1;
            life.append([next]);
            let again = recover(&copy);
            assert_eq!(places(&again), (1..=next).collect::<Vec<_>>(), "cut at {size}");
        }
    }
}

#[test]
fn a_log_cut_below_what_the_marks_know_is_noticed() {
    let disk = stopped();
    let name = names(&disk, "log-").pop().expect("a segment");
    let intact = disk.bytes(&name);
    for size in SEGMENT_HEAD_BYTES as usize..intact.len() {
        let found = recover_with(&disk, &name, intact[..size].to_vec());
        assert_ne!(found.verdict, Verdict::Complete, "cut at {size} of {}", intact.len());
    }
}

#[test]
fn a_file_that_is_gone_is_noticed() {
    for disk in [stopped(), crashed()] {
        for name in disk.names() {
            let copy = disk.copy();
            copy.remove_file(&name);
            let expected = if name == "marks" { Verdict::MayLack } else { Verdict::Damaged };
            assert_eq!(recover(&copy).verdict, expected, "{name}");
        }
    }
}

#[test]
fn a_file_of_older_contents_is_noticed() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=2);
    let older = disk.copy();
    life.append(3..=4);
    life.tell([mark(1)]);
    life.append(5..=6);
    drop(life);
    let found = recover_with(&disk, "log-0000000001", older.bytes("log-0000000001"));
    assert_eq!((places(&found), found.verdict), (vec![1, 2], Verdict::MayLack));
}

#[test]
fn a_frame_in_the_wrong_place_is_no_frame() {
    let disk = crashed();
    let segments = names(&disk, "log-");
    let (first, second) = (disk.bytes(&segments[0]), disk.bytes(&segments[1]));
    let whole = recover(&disk.copy());
    // The frames of one segment behind the head of another, and one segment's frames shifted.
    let head = SEGMENT_HEAD_BYTES as usize;
    let swapped = [&first[..head], &second[head..]].concat();
    let shifted = [&first[..head], &[0; 512], &first[head..]].concat();
    for bytes in [swapped, shifted, second] {
        let found = recover_with(&disk, &segments[0], bytes);
        judge(&whole, &found).expect("noticed");
        assert_eq!(found.verdict, Verdict::Damaged);
    }
}
