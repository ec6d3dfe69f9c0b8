//! A disk that is full, one whose syncs fail, and data that is somebody else's.

use causeway::{
    clock::{Dot, Hlc},
    id::Lsn,
    node::{JournalCommand, JournalEvent},
    runtime::journal::{JournalError, JournalOptions},
    store::{FsyncPolicy, Identity, Marks, Record, SnapshotHead, Verdict},
};

use super::{
    disk::{Death, Failing, TestDisk},
    life::{OWN, begin, durable, options, places, try_begin},
};

fn mark(lease: u64) -> JournalCommand {
    JournalCommand::Mark(Marks { lease: Hlc(lease), may_write: true, ..Marks::default() })
}

fn lost_power(disk: &TestDisk) {
    disk.crash(Death::PowerLoss { lost_percent: 100 }, 1);
}

#[test]
fn a_full_disk_refuses_records_and_recovers_by_itself() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=3);
    for free in [0, 1, 100, 600] {
        disk.set_room(Some(disk.used() + free));
        assert_eq!(life.append(4..=8), [JournalEvent::Refused { first: Lsn(4), last: Lsn(8) }], "{free} bytes free");
        assert_eq!(life.tell([mark(free as u64)]), [JournalEvent::Marked { lease: Hlc(free as u64) }], "marks need no room");
    }
    disk.set_room(None);
    // The node goes on behind the records that were refused.
    assert_eq!(life.append(9..=10), [JournalEvent::Durable(Lsn(10))]);
    lost_power(&disk);
    let life = begin(&disk, &options());
    assert_eq!(places(&life.recovered), [1, 2, 3, 9, 10]);
    assert_eq!((life.recovered.last, life.recovered.verdict), (Lsn(10), Verdict::Complete));
}

#[test]
fn a_refused_record_is_in_the_log_after_no_crash() {
    for free in 0..700 {
        let disk = TestDisk::default();
        let mut life = begin(&disk, &options());
        life.append(1..=3);
        disk.set_room(Some(disk.used() + free));
        let refused = life.append([4]) == [JournalEvent::Refused { first: Lsn(4), last: Lsn(4) }];
        disk.crash(Death::PowerLoss { lost_percent: 50 }, free as u64);
        let life = begin(&disk, &options());
        assert_eq!(places(&life.recovered).contains(&4), !refused, "{free} bytes free");
        assert_eq!(life.recovered.verdict, Verdict::Complete);
    }
}

#[test]
fn without_room_for_a_segment_the_log_goes_on_in_the_last_one() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    for lsn in 1..=6 {
        life.append([lsn]);
    }
    // Room for frames, and never for a segment's head.
    let mut told = Vec::new();
    for lsn in 7..=40 {
        disk.set_room(Some(disk.used() + 900));
        told.extend(life.append([lsn]));
    }
    assert_eq!(durable(&told), Some(40));
    assert_eq!(disk.names(), ["log-0000000001", "marks"], "what could not be finished is gone");
    disk.set_room(None);
    life.append(41..=60);
    life.append(61..=62);
    assert!(disk.names().contains(&"log-0000000002".to_owned()), "with room again there is a next segment");
    lost_power(&disk);
    let life = begin(&disk, &options());
    assert_eq!((places(&life.recovered), life.recovered.verdict), ((1..=62).collect(), Verdict::Complete));
}

#[test]
fn after_a_failed_sync_the_log_takes_no_more_and_marks_go_on() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=3);
    disk.set_failing(Failing::Files("log-"));
    assert_eq!(life.append(4..=5), [JournalEvent::Failed { durable: Lsn(3) }]);
    disk.set_failing(Failing::None);
    assert_eq!(life.append(6..=7), [], "taken no more");
    assert_eq!(life.tell([mark(9)]), [JournalEvent::Marked { lease: Hlc(9) }]);
    let begun = life.tell([JournalCommand::SnapshotBegin(SnapshotHead::default()), JournalCommand::SnapshotEnd]);
    assert_eq!(begun, [JournalEvent::SnapshotGivenUp], "given up: a log in doubt is not replaced");
    assert_eq!((life.stats.sync_failures(), life.stats.records()), (1, 5));
    life.stop();
    lost_power(&disk);
    assert_eq!(places(&begin(&disk, &options()).recovered), [1, 2, 3]);
}

#[test]
fn what_a_failed_sync_left_to_be_seen_is_durable_before_it_is_recovered() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=3);
    disk.set_failing(Failing::Files("log-"));
    life.append(4..=5);
    drop(life);
    // The process ends; the operating system still shows what it failed to write, and will not try again by itself.
    disk.crash(Death::Kill, 1);
    disk.set_failing(Failing::None);
    let seen = places(&begin(&disk, &options()).recovered);
    lost_power(&disk);
    assert_eq!(places(&begin(&disk, &options()).recovered), seen);
}

#[test]
fn own_records_above_the_end_of_a_finished_actor_count_as_never_written() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=8);
    // As `record` makes them: 3 and 6 are a peer's.
    let finished_at = Hlc::from_millis(1_004);
    life.tell([JournalCommand::Mark(Marks { finished_at: Some(Dot { actor: OWN, hlc: finished_at }), ..Marks::default() })]);
    life.stop();
    let recovered = begin(&disk, &options()).recovered;
    assert_eq!((places(&recovered), recovered.verdict), (vec![1, 2, 3, 4, 6], Verdict::MayLack));
    let own_above = recovered.records.iter().any(|record| match record {
        Record::Write(write) => write.dot.actor == OWN && write.dot.hlc > finished_at,
        Record::Applied(_) => false,
    });
    assert!(!own_above);
}

#[test]
fn marks_that_fail_leave_the_ones_before() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.tell([mark(1)]);
    disk.set_failing(Failing::Files("marks"));
    for lease in 2..6 {
        assert_eq!(life.tell([mark(lease)]), [JournalEvent::MarkFailed]);
    }
    assert_eq!(life.append(1..=2), [JournalEvent::Durable(Lsn(2))], "the log goes on");
    for seed in 0..50 {
        let copy = disk.copy();
        copy.crash(Death::PowerLoss { lost_percent: 50 }, seed);
        let lease = begin(&copy, &options()).recovered.marks.map(|marks| marks.lease.0);
        assert!(lease >= Some(1), "the lease of {lease:?} was given out as 1");
    }
    disk.set_failing(Failing::None);
    assert_eq!(life.tell([mark(6)]), [JournalEvent::Marked { lease: Hlc(6) }]);
}

#[test]
fn a_snapshot_takes_the_place_of_the_log_and_one_that_fails_does_not() {
    let disk = TestDisk::default();
    let options = options();
    let mut life = begin(&disk, &options);
    let mut told = Vec::new();
    let mut lsn = 0;
    while !told.contains(&JournalEvent::SnapshotDue) {
        lsn += 1;
        told = life.append([lsn]);
    }
    assert!(life.stats.log_bytes() >= options.snapshot_after_bytes);
    assert!(!life.append([lsn + 1]).contains(&JournalEvent::SnapshotDue), "asked once");
    let begin_snapshot = || JournalCommand::SnapshotBegin(SnapshotHead::default());

    disk.set_room(Some(disk.used() + 1_500));
    let long: Vec<_> = (0..500).map(|i| (format!("key{i}").into(), Vec::new())).collect();
    let told = life.tell([begin_snapshot(), JournalCommand::SnapshotPart(long), JournalCommand::SnapshotEnd]);
    assert_eq!(told, [JournalEvent::SnapshotGivenUp], "given up");
    disk.set_room(None);
    assert!(!disk.names().iter().any(|name| name.starts_with("snapshot")));
    let whole = begin(&disk.copy(), &options);
    assert_eq!((places(&whole.recovered), whole.recovered.verdict), ((1..=lsn + 1).collect(), Verdict::Complete));

    let told = life.tell([begin_snapshot(), JournalCommand::SnapshotEnd]);
    assert_eq!(told, [JournalEvent::SnapshotDone]);
    let names = disk.names();
    assert_eq!(names.len(), 3, "one segment, the marks, the snapshot: {names:?}");
    life.append([lsn + 2]);
    lost_power(&disk);
    let after = begin(&disk, &options).recovered;
    assert_eq!((places(&after), after.last, after.verdict), (vec![lsn + 2], Lsn(lsn + 2), Verdict::Complete));
    assert_eq!(after.snapshot.map(|snapshot| snapshot.head), Some(SnapshotHead::default()));
}

#[test]
fn data_of_another_cluster_or_node_is_refused_and_left_alone() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=3);
    life.stop();
    let as_other = |identity| JournalOptions { identity, ..options() };
    let cluster = as_other(Identity { cluster: 1, ..options().identity });
    let node = as_other(Identity { node: "127.0.0.1:8091".to_owned(), ..options().identity });
    for marks in ["kept", "lost"] {
        if marks == "lost" {
            disk.remove_file("marks");
        }
        let refused = |options| try_begin(&disk, options).expect("the disk lives").err();
        assert!(matches!(refused(&cluster), Some(JournalError::OtherCluster { found: 0xC0FFEE, expected: 1 })), "marks {marks}");
        assert!(matches!(refused(&node), Some(JournalError::OtherNode { .. })), "marks {marks}");
    }
    let life = begin(&disk, &options());
    assert_eq!((places(&life.recovered), life.recovered.verdict), (vec![1, 2, 3], Verdict::MayLack), "for want of marks");
}

#[test]
fn policies_have_one_spelling() {
    for text in ["always", "never", "interval:100", "interval:1"] {
        assert_eq!(text.parse::<FsyncPolicy>().expect("a policy").to_string(), text);
    }
    for text in ["", "Always", "interval", "interval:", "interval:0", "interval:-1", "interval:1s", "never "] {
        assert!(text.parse::<FsyncPolicy>().is_err(), "{text:?}");
    }
}
