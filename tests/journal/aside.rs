//! What is set aside: durable when the journal says so, whole or not there, and no part of the log.

use causeway::{
    clock::Hlc,
    id::ActorId,
    node::{JournalCommand, JournalEvent},
    store::{Record, SetAside, Verdict, log::Finding},
};

use super::{
    disk::{Death, TestDisk},
    life::{OWN, begin, options, places, record, try_begin},
};

const LOST: Death = Death::PowerLoss { lost_percent: 100 };

fn set(lsns: impl IntoIterator<Item = u64>) -> SetAside {
    let writes = lsns.into_iter().map(|lsn| match record(lsn) {
        Record::Write(write) => write,
        Record::Applied(_) => panic!("records are writes here"),
    });
    SetAside { actor: OWN, cut: Some(Hlc(7)), writes: writes.collect(), left_out: 0 }
}

fn keep(set: &SetAside) -> JournalCommand {
    JournalCommand::SetAside(set.clone())
}

#[test]
fn what_is_set_aside_outlives_a_power_loss_and_is_replaced_whole() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=3);
    for set in [set([1, 2]), set([2])] {
        assert_eq!(life.tell([keep(&set)]), [JournalEvent::SetAside(OWN)]);
        disk.crash(LOST, 1);
        life = begin(&disk, &options());
        assert_eq!(life.recovered.set_aside, [set]);
        assert_eq!((places(&life.recovered), life.recovered.verdict), (vec![1, 2, 3], Verdict::Complete));
    }
    assert_eq!(life.tell([keep(&set([]))]), [JournalEvent::SetAside(OWN)]);
    disk.crash(LOST, 1);
    assert_eq!(begin(&disk, &options()).recovered.set_aside, []);
    assert!(!disk.names().iter().any(|name| name.starts_with("set-aside")));
}

#[test]
fn without_room_it_is_said_and_what_was_there_stays() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.tell([keep(&set([1]))]);
    disk.set_room(Some(disk.used() + 50));
    assert_eq!(life.tell([keep(&set([1, 2]))]), [JournalEvent::NotSetAside(OWN)]);
    assert_eq!(begin(&disk.copy(), &options()).recovered.set_aside, [set([1])]);
    disk.set_room(None);
    assert_eq!(life.tell([keep(&set([1, 2]))]), [JournalEvent::SetAside(OWN)]);
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new() {
    for steps in 0..12 {
        let disk = TestDisk::default();
        let mut life = begin(&disk, &options());
        life.tell([keep(&set([1]))]);
        disk.die_after(steps);
        let said = life.tell([keep(&set([1, 2]))]);
        disk.crash(Death::PowerLoss { lost_percent: 50 }, steps);
        let found = try_begin(&disk, &options()).expect("it lives again").expect("its own").recovered.set_aside;
        let is_new = found == [set([1, 2])];
        assert!(is_new || (said.is_empty() && found == [set([1])]), "after {steps} steps: {found:?}");
    }
}

#[test]
fn a_damaged_file_is_named_and_no_loss_of_the_log() {
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options());
    life.append(1..=3);
    life.tell([keep(&set([1]))]);
    life.stop();
    let name = format!("set-aside-{}", OWN.0);
    let mut bytes = disk.bytes(&name);
    bytes[20] ^= 1;
    disk.set_bytes(&name, bytes);
    let life = begin(&disk, &options());
    assert_eq!(life.findings, [Finding::LostSetAside(ActorId(OWN.0))]);
    assert!(life.findings[0].is_damage() && !life.findings[0].is_loss());
    assert_eq!((life.recovered.verdict, life.recovered.set_aside.len()), (Verdict::Complete, 0));
}
