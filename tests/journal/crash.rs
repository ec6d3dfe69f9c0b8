//! A crash at every operation of the disk: what was durable is recovered, nothing else appears, and nothing looks like damage.

use causeway::{
    clock::Hlc,
    id::{ActorId, Lsn},
    mutant::{self, Mutant},
    node::{JournalCommand, JournalEvent},
    runtime::journal::JournalOptions,
    store::{FsyncPolicy, Marks, Record, SnapshotHead, Verdict},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    disk::{Death, TestDisk},
    life::{self, Life, begin, options, place, places, record, try_begin},
};

/// What a journal has promised, over all its lives.
#[derive(Default)]
struct Promised {
    sent: u64,
    durable: u64,
    sent_lease: u64,
    durable_lease: u64,
}

impl Promised {
    /// What was recovered is durable from then on, and the node goes on behind it.
    fn by(life: &Life) -> Self {
        let last = life.recovered.last.0;
        let lease = life.recovered.marks.as_ref().map_or(0, |marks| marks.lease.0);
        Self { sent: last, durable: last, sent_lease: lease, durable_lease: lease }
    }

    fn note(&mut self, events: &[JournalEvent]) {
        for event in events {
            match event {
                JournalEvent::Durable(lsn) => self.durable = self.durable.max(lsn.0),
                JournalEvent::Marked { lease } => self.durable_lease = self.durable_lease.max(lease.0),
                JournalEvent::SnapshotDue | JournalEvent::SnapshotPartDone | JournalEvent::SnapshotDone => {}
                other => panic!("on a healthy disk: {other:?}"),
            }
        }
    }

    /// Says what is wrong with a recovery, if anything is.
    fn judge(&self, life: &Life) -> Result<(), String> {
        let found = places(&life.recovered);
        let last = found.last().copied().unwrap_or(0);
        if found != (1..=last).collect::<Vec<_>>() {
            return Err(format!("recovered {found:?}, which has gaps"));
        }
        if last < self.durable {
            return Err(format!("recovered up to {last}, of {} durable", self.durable));
        }
        if last > self.sent || life.recovered.last.0 != last {
            return Err(format!("recovered {last} (called {}), of {} sent", life.recovered.last, self.sent));
        }
        if let Some(altered) = life.recovered.records.iter().find(|found| **found != record(place(found))) {
            return Err(format!("recovered an altered record: {altered:?}"));
        }
        let lease = life.recovered.marks.as_ref().map_or(0, |marks| marks.lease.0);
        if lease < self.durable_lease || lease > self.sent_lease {
            return Err(format!("recovered lease {lease}, of {} durable, {} sent", self.durable_lease, self.sent_lease));
        }
        Ok(())
    }
}

/// Does something at random: appends, marks, a snapshot, a clean stop and a new start.
fn act(life: &mut Life, promised: &mut Promised, random: &mut ChaCha8Rng) {
    let mut commands = Vec::new();
    for _ in 0..random.random_range(0..6) {
        promised.sent += 1;
        commands.push(JournalCommand::Append { lsn: Lsn(promised.sent), record: record(promised.sent) });
    }
    if random.random_bool(0.4) {
        promised.sent_lease += 1;
        commands.push(JournalCommand::Mark(marks(promised.sent_lease)));
    }
    if random.random_bool(0.1) {
        commands.push(JournalCommand::SnapshotBegin(SnapshotHead::default()));
        // Stands for every record so far: two parts of them.
        let entries: Vec<_> = (1..=promised.sent).map(entry).collect();
        let (first, second) = entries.split_at(entries.len() / 2);
        commands.extend([first, second].map(|part| JournalCommand::SnapshotPart(part.to_vec())));
        commands.push(JournalCommand::SnapshotEnd);
    }
    promised.note(&life.tell(commands));
}

fn entry(place: u64) -> (causeway::store::Key, Vec<causeway::store::Version>) {
    let Record::Write(write) = record(place) else { unreachable!("only writes") };
    (write.key.clone(), vec![write.version()])
}

/// Marks of several sectors, so that they can be torn.
fn marks(lease: u64) -> Marks {
    let applied = (0..80).map(|actor| (ActorId(actor), Hlc(lease << 40 | u64::from(actor) | 1))).collect();
    Marks { lease: Hlc(lease), applied, may_write: true, ..Marks::default() }
}

/// Runs three lives on one disk; the first ends after so many changes of the disk, the others after some steps.
/// Returns how many changes the first one made in all.
fn lives(seed: u64, dies_after: u64, options: &JournalOptions, death: Death) -> Result<u64, String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let disk = TestDisk::default();
    let mut promised = Promised::default();
    disk.die_after(dies_after);
    if let Some(opened) = try_begin(&disk, options) {
        let mut life = opened.expect("an empty disk is nobody's");
        for _ in 0..15 {
            act(&mut life, &mut promised, &mut random);
        }
    }
    let changes = disk.operations();
    for life_number in 0..2 {
        disk.crash(death, seed ^ dies_after ^ life_number);
        let mut life = begin(&disk, options);
        promised.judge(&life).map_err(|wrong| format!("{wrong}; findings {:?}", life.findings))?;
        if options.policy == FsyncPolicy::Always && matches!(life.recovered.verdict, Verdict::MayLack | Verdict::Damaged) {
            return Err(format!("a crash was taken for damage: {:?}", life.findings));
        }
        promised = Promised::by(&life);
        for _ in 0..4 {
            act(&mut life, &mut promised, &mut random);
        }
    }
    Ok(changes)
}

fn crash_everywhere(seed: u64, death: Death) -> Result<(), String> {
    let changes = lives(seed, u64::MAX / 2, &options(), death)?;
    assert!(changes > 50, "a life of {changes} changes shows little");
    for dies_after in 0..changes {
        lives(seed, dies_after, &options(), death)
            .map_err(|wrong| format!("seed {seed}, {death:?} after {dies_after} changes: {wrong}"))?;
    }
    Ok(())
}

#[test]
fn no_crash_loses_what_was_durable() {
    for seed in 0..2 {
        for lost_percent in [0, 50, 100] {
            crash_everywhere(seed, Death::PowerLoss { lost_percent }).expect("nothing is lost");
        }
    }
}

#[test]
fn what_a_killed_process_had_written_survives_a_later_loss_of_power() {
    for seed in 0..40 {
        let disk = TestDisk::default();
        let mut life = begin(&disk, &options());
        life.append(1..=5);
        // Written and not synced, the process is killed.
        disk.die_after(1);
        life.append(6..=8);
        disk.crash(Death::Kill, seed);
        let recovered = places(&begin(&disk, &options()).recovered);
        disk.crash(Death::PowerLoss { lost_percent: 100 }, seed);
        let again = begin(&disk, &options());
        assert_eq!(places(&again.recovered), recovered, "what was recovered once had been told to peers");
        assert_eq!(again.recovered.verdict, Verdict::Complete);
    }
}

#[test]
fn an_unsynced_tail_under_a_lax_policy_may_be_lost_and_is_said_to_be() {
    for policy in [FsyncPolicy::Never, FsyncPolicy::Interval { ms: 100 }] {
        let options = JournalOptions { policy, ..options() };
        let disk = TestDisk::default();
        let mut life = begin(&disk, &options);
        assert_eq!(life::durable(&life.append(1..=5)), Some(5), "durable by the policy once it is written");
        disk.crash(Death::PowerLoss { lost_percent: 100 }, 1);
        let life = begin(&disk, &options);
        assert_eq!(places(&life.recovered), Vec::<u64>::new());
        // The node had put nothing into the marks: it had given out no hlc either.
        assert_eq!(life.recovered.verdict, Verdict::Empty);

        let mut life = begin(&disk, &options);
        life.tell([JournalCommand::Mark(marks(1))]);
        life.append(1..=5);
        disk.crash(Death::PowerLoss { lost_percent: 100 }, 2);
        assert_eq!(begin(&disk, &options).recovered.verdict, Verdict::MayLack, "{policy}");
    }
}

#[test]
fn a_lax_policy_and_a_clean_stop_lose_nothing() {
    for policy in [FsyncPolicy::Never, FsyncPolicy::Interval { ms: 100 }] {
        let options = JournalOptions { policy, ..options() };
        let disk = TestDisk::default();
        let mut life = begin(&disk, &options);
        life.append(1..=5);
        life.stop();
        disk.crash(Death::PowerLoss { lost_percent: 100 }, 1);
        let life = begin(&disk, &options);
        assert_eq!((places(&life.recovered), life.recovered.verdict), ((1..=5).collect(), Verdict::Complete));
    }
}

#[test]
fn an_interval_syncs_in_time() {
    let options = JournalOptions { policy: FsyncPolicy::Interval { ms: 100 }, ..options() };
    let disk = TestDisk::default();
    let mut life = begin(&disk, &options);
    life.append(1..=5);
    life.pass_ms(99);
    assert_eq!(life.stats.syncs(), 0);
    life.pass_ms(1);
    assert_eq!(life.stats.syncs(), 1);
    disk.crash(Death::PowerLoss { lost_percent: 100 }, 1);
    assert_eq!(places(&begin(&disk, &options).recovered), [1, 2, 3, 4, 5]);
}

#[test]
fn these_tests_catch_an_answer_before_the_sync_and_a_recovery_that_drops_the_tail() {
    for bug in [Mutant::AnswerBeforeFsync, Mutant::RecoveryDropsTail] {
        mutant::plant(Some(bug));
        let caught = (0..6).any(|seed| crash_everywhere(seed, Death::PowerLoss { lost_percent: 50 }).is_err());
        mutant::plant(None);
        assert!(caught, "{bug:?}");
    }
}
