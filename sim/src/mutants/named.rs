//! Who is named for which planted bug, and a seed that shows it. Names are written down before anybody looks; where somebody else
//! came first, and rightly so, a remark says why.

use std::sync::Arc;

use causeway::{
    clock::{Dot, ENTRY_CAP, Hlc, Token},
    id::{ActorId, Epoch, Incarnation, NodeId, ShardId},
    message::{Envelope, Gossip, Heartbeat, Message, PullAnswer},
    mutant::{Mutant, planted},
    node::{Effect, Input, JournalCommand, JournalEvent, Node, NodePlan, Now, Settings},
    placement::{Change, Config, Departure, Founding, SLOTS},
    store::{Marks, Recovered, Snapshot, Table, Value, Verdict, Version},
};

use crate::{
    plan::{Plan, file},
    run::run_plan,
    trace::Keep,
};

/// How a planted bug is caught.
#[derive(Debug, Clone, Copy)]
pub enum Catcher {
    /// By any of these checkers, in a simulation.
    Checkers(&'static [&'static str]),
    /// By any of these checkers, in the run of a plan by hand: drawn ones hardly ever have what the bug needs.
    ByPlan(&'static [&'static str], &'static str),
    /// By a direct test of what the bug is in.
    Direct(&'static str, fn() -> bool),
}

impl Catcher {
    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Checkers(checkers) | Self::ByPlan(checkers, _) => checkers.to_vec(),
            Self::Direct(test, _) => vec![test],
        }
    }
}

/// What is known of a planted bug before the hunt.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Who should catch it.
    pub catcher: Catcher,
    /// A seed whose run shows it.
    pub recorded_seed: u64,
}

/// Checkers, or kinds of a run's end, that catch a bug; and a seed whose run shows it.
const BY_CHECKERS: &[(Mutant, &[&str], u64)] = &[
    (Mutant::ReadWithoutCheck, &["a2_reads", "a1_stamps", "token_covers_past"], 0),
    (Mutant::ForwardDropsToken, &["a2_reads", "a1_stamps", "token_covers_past"], 0),
    (Mutant::TokenKeepsOnlyTheDot, &["token_covers_past"], 0),
    (Mutant::AnswerWithoutDot, &["token_covers_past"], 0),
    (Mutant::TombstoneReadForgotten, &["token_covers_past", "a2_reads"], 0),
    (Mutant::MacNotChecked, &["answers"], 0),
    (Mutant::HlcIgnoresToken, &["a1_stamps"], 0),
    (Mutant::RestartWithoutLease, &["promises", "a1_stamps"], 3),
    (Mutant::ClockAheadWrites, &["takes_no_writes"], 2),
    (Mutant::PromiseAheadOfData, &["promises"], 0),
    (Mutant::PromiseOverPending, &["promises"], 0),
    (Mutant::GapAccepted, &["promises"], 0),
    (Mutant::PushSkipsUnacknowledged, &["promises"], 0),
    (Mutant::PullSkipsRecord, &["promises"], 0),
    (Mutant::PullPromisesReceived, &["promises"], 0),
    (Mutant::LogReachesTooFar, &["promises"], 3),
    // The first to hear of it are those that work out the stable time from its report.
    (Mutant::WipedPromisesEarly, &["promises", "stable_time"], 29),
    (Mutant::ReapplyBelowVector, &["applied_once"], 0),
    (Mutant::TransferKeepsLastVector, &["promises"], 0),
    (Mutant::TransferDropsOwn, &["stamps_never_go_back"], 0),
    (Mutant::CutNotTransferred, &["convergence", "liveness"], 15),
    (Mutant::SnapshotNotTriedAgain, &["convergence", "liveness"], 1),
    (Mutant::AnswerBeforeFsync, &["durability"], 0),
    (Mutant::RecoveryDropsTail, &["durability"], 0),
    // A value that is torn may be read before anybody looks for its operation.
    (Mutant::TornTailKept, &["records_are_asked_for", "answers"], 5),
    (Mutant::SegmentSizeForgotten, &["durability"], 90),
    (Mutant::SnapshotBeforeApplied, &["durability"], 1),
    (Mutant::LastArrivalWins, &["stamps_never_go_back", "same_set_same_state"], 0),
    // The smaller actor that arrives last wins over the larger: the winner goes back before sets are compared.
    (Mutant::TieByArrival, &["stamps_never_go_back"], 4),
    // A read of what was collected too early, for whatever reason nobody could lack it, does not stand for the delete.
    (Mutant::TombstoneCollectedEarly, &["tombstones", "token_covers_past"], 2),
    (
        Mutant::DeleteWithoutTombstone,
        &["same_set_same_state", "stamps_never_go_back", "durability", "convergence", "token_covers_past"],
        0,
    ),
    (Mutant::StableCountsOnlyItself, &["stable_time"], 0),
    (Mutant::StableWithoutSilent, &["stable_time"], 3),
    (Mutant::RetryAppliedTwice, &["records_are_asked_for"], 0),
    // Where the operation was a delete, its second record may still be missing where the first one's tombstone is dropped.
    (Mutant::NameForgottenEarly, &["same_set_same_state", "tombstones"], 115),
    // A delete that needs no record finds its own tombstone when it comes again, and its session is told so first.
    (Mutant::ForwardTakenTwice, &["records_are_asked_for", "a2_reads"], 1),
    (Mutant::ReplyToAnotherProcess, &["answers", "a2_reads", "records_are_asked_for", "token_covers_past"], 12),
    (Mutant::WriteTriedTwice, &["records_are_asked_for"], 1),
    (Mutant::RefusedAfterApplied, &["records_are_asked_for"], 2),
    (Mutant::AckBeforeDurable, &["write_concern"], 0),
    (Mutant::ConcernCountsItself, &["write_concern"], 0),
    (Mutant::NeverTrustedAgain, &["convergence", "liveness"], 0),
    (Mutant::PeerEpochIgnored, &["epoch_gate"], 0),
    (Mutant::TokenEpochIgnored, &["epoch_gate", "a2_reads"], 1),
    (Mutant::LeaverWrites, &["seals"], 1),
    (Mutant::FormerWritersIgnored, &["a2_reads", "token_covers_past"], 6),
    (Mutant::CollectedWhileMoving, &["tombstones", "stamps_never_go_back"], 41),
    (Mutant::ReportsOfAnyEpoch, &["stable_time"], 44),
    // Who goes back may also stay there: it says other things than the rest, or nothing.
    (Mutant::OlderConfigAdopted, &["one_config", "convergence", "liveness"], 1_000_000),
    (Mutant::ImportCountsEarly, &["base_first"], 7),
    (Mutant::FinishBeforeSealed, &["finish"], 1),
    // Who has seen what a leaver kept to itself waits for it.
    (Mutant::FinishWithoutLeavers, &["finish", "liveness"], 1_001_362),
    (Mutant::MoveNotMinimal, &["minimal_moves"], 6),
    (Mutant::EvictedTailDropped, &["set_aside"], 2),
    // A reshard that waits for the actor is noticed before the run's end is looked at.
    (Mutant::CutActorKept, &["nothing_left", "liveness"], 1_000_044),
    (Mutant::TransferAboveCut, &["cut_holds", "write_concern"], 1_000_263),
    (Mutant::TransferWaitsForFailedDisk, &["convergence"], 1_952),
    (Mutant::CutAtTheLeast, &["cut_holds"], 1_000_008),
    (Mutant::CutNotPassedOn, &["liveness"], 1_000_275),
    (Mutant::ImportWithoutBase, &["base_first"], 1_000_000),
    (Mutant::SealOverPending, &["finish", "seals", "a2_reads", "stable_time"], 5),
    (Mutant::AbortAfterSwitch, &["finish"], 1_000_009),
    (Mutant::BackupOfNow, &["backup_is_a_cut"], 1_000_003),
    (Mutant::BackupTooEarly, &["backup_is_a_cut"], 1_000_001),
    (Mutant::OldReplicaKept, &["stamps_never_go_back", "durability", "a2_reads", "convergence", "base_first"], 1_000_193),
    (Mutant::MessageOfANewKind, &["convergence", "liveness"], 0),
];

/// What is known of a planted bug.
///
/// # Panics
/// When the bug is in no table: the tests see to that.
pub fn named(mutant: Mutant) -> Named {
    match mutant {
        // One seed in thousands shows it: the plan that did first is kept.
        Mutant::OwnRemainsForgotten => direct("a node's own remains count, in the plan that needed it", own_remains_show),
        // The log must have lost just what a snapshot was taken of meanwhile, and nobody else may have it: one seed in ten thousand.
        Mutant::SnapshotRemainsForgotten => direct("what only a snapshot shows counts", snapshot_remains_show),
        // Three must fall out with each other in turn, and two of them lose their disks: one seed in ten thousand.
        Mutant::OwnAskedOnce => direct("what a peer got after it was asked counts", own_asked_once_shows),
        Mutant::FoldKeepsFloor => direct("a hard fold never lowers a token", hard_fold_lowers),
        // Only a replica with a hole in its log holds what its source has seen superseded and collected.
        Mutant::TransferWithoutAuthority => direct("a transfer removes what its source has collected", transfer_keeps),
        // Who reaches a majority of the config log hears, by way of others, everybody whom a majority hears: what one alone believes
        // comes to nothing in a run.
        Mutant::EvictedByOne => direct("what one node believes evicts nobody", one_evicts),
        // An operator must have a node removed just while another has its base from nobody else: one seed in thousands.
        Mutant::LastBaseRemoved => direct("who alone has what a shard holds is not removed", last_base_goes),
        // Two must be cut off one after the other, of whom the second alone has records of the first: one seed in thousands.
        Mutant::OthersTailsDropped => direct("who is cut off keeps what it alone has of others", others_tail_goes),
        Mutant::LeaseAfterUse => {
            Named { catcher: Catcher::ByPlan(&["promises"], include_str!("lease_after_use.toml")), recorded_seed: 1 }
        }
        // The tombstone of a record that was lost with the disk must be collected by who has it.
        Mutant::ActorReusedAfterWipe => {
            let text = include_str!("../../../tests/regressions/each_lost_disk_is_asked_for.toml");
            Named { catcher: Catcher::ByPlan(&["tombstones"], text), recorded_seed: 1 }
        }
        // Two must be asked within the few milliseconds that a change takes to spread: no seed of hundreds does so.
        Mutant::ConflictClaimed => {
            Named { catcher: Catcher::ByPlan(&["answers"], include_str!("conflict_claimed.toml")), recorded_seed: 1 }
        }
        _ => {
            let row = BY_CHECKERS.iter().find(|(named, ..)| *named == mutant);
            let (_, checkers, recorded_seed) = row.expect("somebody is named for each planted bug");
            Named { catcher: Catcher::Checkers(checkers), recorded_seed: *recorded_seed }
        }
    }
}

fn direct(law: &'static str, is_broken: fn() -> bool) -> Named {
    Named { catcher: Catcher::Direct(law, is_broken), recorded_seed: 0 }
}

/// Whether a node of three evicts one that it alone has never heard.
fn one_evicts() -> bool {
    let view = ["a:1", "b:1", "c:1"].map(str::to_owned).to_vec();
    let config = Arc::new(Config::found(&Founding { view, shard_count: 1 }).expect("a legal founding"));
    let settings = Settings { evict_after_ms: 1_000, ..Settings::default() };
    let (epoch, incarnation) = (config.epoch(), Incarnation(1));
    let plan = NodePlan { config, me: NodeId(0), settings, incarnation, seed: 0, proposes: true, observed: false };
    let mut now = Now { monotonic_us: 1_000_000, wall_ms: 1_700_000_000_000 };
    let mut node = Node::new(plan, now, Recovered::default());
    (1..200).any(|beat| {
        now = Now { monotonic_us: now.monotonic_us + 50_000, wall_ms: now.wall_ms + 50 };
        let heartbeats = vec![(NodeId(1), Heartbeat { beat, takes_writes: true, serves: true })];
        let (reports, down, progress) = (Vec::new(), Vec::new(), Vec::new());
        let gossip = Gossip { wall_ms: now.wall_ms, heartbeats, reports, stable: Hlc::ZERO, down, progress };
        let envelope = Envelope { epoch, incarnation, message: Message::Gossip(gossip) };
        node.handle(now, Input::Message { from: NodeId(1), envelope });
        node.handle(now, Input::Tick);
        let evicts = |effect: &Effect| matches!(effect, Effect::Propose { change: Change::Evict { .. }, .. });
        node.take_effects().iter().any(evicts)
    })
}

/// Two nodes of one shard and a third, of which the second was cut off and came back with nothing.
fn came_back_with_nothing() -> Config {
    let view = ["a:1", "b:1", "c:1"].map(str::to_owned).to_vec();
    let config = Config::found(&Founding { view, shard_count: 1 }).expect("a legal founding");
    let (node, shard) = (NodeId(1), ShardId(0));
    let changes = [Change::Evict { node }, Change::Join { node, shard }];
    changes.iter().fold(config, |config, change| config.changed(change).expect("it fits"))
}

/// Whether all go who have what their shard holds.
fn last_base_goes() -> bool {
    let remove = |config: Config, node| config.changed(&Change::Remove { node: NodeId(node), how: Departure::Cut });
    remove(came_back_with_nothing(), 0).and_then(|config| remove(config, 2)).is_ok()
}

/// Whether a node that was cut off, like another before it, forgets what its disk holds of that one.
fn others_tail_goes() -> bool {
    let evicted = Change::Evict { node: NodeId(0) };
    let config = Arc::new(came_back_with_nothing().changed(&evicted).expect("two others are there"));
    let other = Dot { actor: ActorId(0), hlc: Hlc::from_millis(1_699_999_999_000) };
    let version = Version { dot: other, value: Some(Value::json("1")), dependencies: None, operation: None };
    let snapshot = Some(Snapshot { entries: vec![("x".into(), vec![version])], ..Snapshot::default() });
    let marks = Marks { holds: Some(ActorId(1)), may_write: true, config: Some(config.clone()), ..Marks::default() };
    let found = Recovered { snapshot, marks: Some(marks), verdict: Verdict::Complete, ..Recovered::default() };
    let (settings, incarnation) = (Settings::default(), Incarnation(1));
    let plan = NodePlan { config, me: NodeId(1), settings, incarnation, seed: 0, proposes: true, observed: false };
    let node = Node::new(plan, Now { monotonic_us: 1_000_000, wall_ms: 1_700_000_000_000 }, found);
    node.set_aside().iter().all(|set| set.actor != other.actor)
}

/// Whether a transfer keeps a version that its source has seen and does not have.
fn transfer_keeps() -> bool {
    let dot = Dot { actor: ActorId(0), hlc: Hlc(10) };
    let version = Version { dot, value: Some(Value::json("1")), dependencies: None, operation: None };
    let mut table = Table::default();
    table.insert(&"x".into(), version);
    table.install(0..SLOTS, |_, held| held.dot == dot, &[]);
    table.holds("x")
}

fn own_remains_show() -> bool {
    breaks_a_promise(include_str!("../../../tests/regressions/own_remains_count.toml"), Mutant::OwnRemainsForgotten)
}

/// Whether a promise of a node of three skips a record of its own that its snapshot shows.
fn snapshot_remains_show() -> bool {
    let dot = Dot { actor: ActorId(0), hlc: Hlc::from_millis(1_699_999_999_000) };
    let version = Version { dot, value: Some(Value::json("1")), dependencies: None, operation: None };
    let snapshot = Some(Snapshot { entries: vec![("x".into(), vec![version])], ..Snapshot::default() });
    promises_beyond(Recovered { snapshot, verdict: Verdict::Damaged, ..Recovered::default() }, dot.hlc, Hlc::ZERO)
}

/// Whether a node of three promises above what one of its peers, which gave it nothing when it was asked, holds of it by now.
fn own_asked_once_shows() -> bool {
    let held = Hlc::from_millis(1_699_999_999_000);
    promises_beyond(Recovered { verdict: Verdict::MayLack, ..Recovered::default() }, held, held)
}

/// Whether node 0 of three, with this on its disk, skips a record by a promise. Its peers give it nothing, and one acknowledges this.
fn promises_beyond(found: Recovered, record: Hlc, acknowledged: Hlc) -> bool {
    let view = ["a:1", "b:1", "c:1"].map(str::to_owned).to_vec();
    let config = Arc::new(Config::found(&Founding { view, shard_count: 1 }).expect("a legal founding"));
    let (settings, epoch, incarnation) = (Settings::default(), config.epoch(), Incarnation(1));
    let plan = NodePlan { config, me: NodeId(0), settings, incarnation, seed: 0, proposes: false, observed: false };
    let mut now = Now { monotonic_us: 1_000_000, wall_ms: 1_700_000_000_000 };
    let mut node = Node::new(plan, now, found);
    let mut number = 0;
    (1..200).any(|_| {
        now = Now { monotonic_us: now.monotonic_us + 50_000, wall_ms: now.wall_ms + 50 };
        for peer in [NodeId(1), NodeId(2)] {
            let answer = PullAnswer { asker: incarnation, runs: Vec::new(), cut: false, more: false, serves: true };
            let applied = if peer == NodeId(1) { acknowledged } else { Hlc::ZERO };
            for message in [Message::PullAnswer(answer), Message::PushAck { number, applied }] {
                node.handle(now, Input::Message { from: peer, envelope: Envelope { epoch, incarnation, message } });
            }
        }
        node.handle(now, Input::Tick);
        let mut skips = false;
        for effect in node.take_effects() {
            match effect {
                Effect::Send { message: Message::Push(push), .. } => {
                    number = number.max(push.number);
                    skips |= push.start < record && record <= push.promise;
                }
                Effect::Journal(JournalCommand::Mark(marks)) => {
                    node.handle(now, Input::Journal(JournalEvent::Marked { lease: marks.lease }));
                }
                _ => {}
            }
        }
        skips
    })
}

/// Whether the run of a plan breaks a promise, with a bug if that is planted.
fn breaks_a_promise(plan: &str, mutant: Mutant) -> bool {
    let plan = file::read(plan).expect("the tests run it");
    let mutant = Some(mutant).filter(|mutant| planted(*mutant));
    run_plan(Plan { mutant, ..plan }, Keep::Nothing).verdict.caught_by() == "promises"
}

/// Whether a hard fold forgets something.
fn hard_fold_lowers() -> bool {
    let actors = 2 * ENTRY_CAP as u32;
    let dot = |actor: u32| Dot { actor: ActorId(actor), hlc: Hlc::from_millis(1_000 + u64::from(actor)) };
    let full = Token::from_parts(Epoch::default(), Hlc::ZERO, (0..actors).map(dot));
    let mut folded = full.clone();
    folded.fold(Hlc::ZERO);
    full.entries().any(|dot| folded.get(dot.actor) < dot.hlc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checker::CHECKERS,
        plan::file,
        run::{Verdict, run_plan},
        trace::Keep,
    };

    #[test]
    fn the_direct_tests_pass_without_the_bugs() {
        assert!(!hard_fold_lowers() && !transfer_keeps());
        assert!(!own_remains_show());
    }

    #[test]
    fn the_plans_by_hand_pass_without_the_bugs() {
        let plans = Mutant::ALL.into_iter().filter_map(|mutant| match named(mutant).catcher {
            Catcher::ByPlan(_, text) => Some((mutant, file::read(text).unwrap())),
            _ => None,
        });
        for (mutant, plan) in plans {
            assert_eq!(run_plan(plan, Keep::Nothing).verdict, Verdict::Passed, "{mutant}");
        }
    }

    #[test]
    fn somebody_is_named_for_each_bug() {
        assert!(Mutant::ALL.into_iter().all(|mutant| !named(mutant).catcher.names().is_empty()));
    }

    #[test]
    fn each_checker_is_named_for_a_bug() {
        let is_named = |checker: &&&str| {
            Mutant::ALL
                .into_iter()
                .any(|mutant| matches!(named(mutant).catcher, Catcher::Checkers(all) if all.contains(*checker)))
        };
        let unnamed: Vec<&&str> = CHECKERS.iter().filter(|checker| !is_named(checker)).collect();
        assert!(unnamed.is_empty(), "{unnamed:?}");
    }
}
