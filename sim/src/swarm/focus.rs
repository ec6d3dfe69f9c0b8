//! Turns on what a planted bug needs to show itself: whoever looks for a bug in recovery wants crashes in every run.
//!
//! Nothing here is out of reach of a seed without a mutant: the same is only drawn more often.

use causeway::{mutant::Mutant, store::FsyncPolicy};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{faults::Kinds, load::Load};
use crate::plan::Plan;

/// Bytes of records that nodes keep for peers when transfers are looked for.
const SMALL_TAIL: u64 = 6_000;
/// The same where snapshots of one part are looked for.
const LARGE_TAIL: u64 = 64 << 20;
/// Entries of a token where hard folds are looked for: fewer than the actors of a cluster.
const FEW_ENTRIES: usize = 3;

/// Turns on, in few seeds, what no draw of the others leads to.
pub(super) fn rarely(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if random.random_ratio(1, 20) {
        plan.token_entries = FEW_ENTRIES;
    }
}

pub(super) fn focus(plan: &mut Plan, kinds: &mut Kinds, load: &mut Load, mutant: Mutant) {
    look_at_disks(plan, kinds, load, mutant);
    look_at_clocks(plan, kinds, mutant);
    look_at_replication(plan, kinds, load, mutant);
    look_at_operations(plan, kinds, load, mutant);
    look_at_changes(plan, kinds, load, mutant);
    look_at_evictions(plan, kinds, load, mutant);
}

fn look_at_disks(plan: &mut Plan, kinds: &mut Kinds, load: &mut Load, mutant: Mutant) {
    match mutant {
        Mutant::AnswerBeforeFsync | Mutant::RecoveryDropsTail => {
            plan.fsync = FsyncPolicy::Always;
            kinds.power_loss_ms = Some((200, 1_000));
        }
        Mutant::TornTailKept => {
            (plan.fsync, plan.value_bytes, load.put_percent) = (FsyncPolicy::Always, 1_800, 60);
            *kinds =
                Kinds { every_ms: (300, 1_500), blackout_ms: Some((100, 1_000)), slow_disk: Some((50, 200)), ..Kinds::default() };
        }
        Mutant::SegmentSizeForgotten => {
            (plan.fsync, plan.shards, load.put_percent) = (FsyncPolicy::Always, 3, 60);
            *kinds = Kinds {
                every_ms: (300, 1_500),
                failing_sync_ms: Some((500, 2_000)),
                kill_ms: Some((50, 500)),
                power_loss_ms: Some((50, 500)),
                ..Kinds::default()
            };
        }
        // Records must be on their way to the disk while a snapshot is begun, and belong to its first part.
        Mutant::SnapshotBeforeApplied => {
            (plan.fsync, plan.tail_bytes, plan.value_bytes, load.put_percent) = (FsyncPolicy::Always, LARGE_TAIL, 2_000, 60);
            *kinds = Kinds {
                every_ms: (300, 1_500),
                slow_disk: Some((50, 200)),
                power_loss_ms: Some((50, 500)),
                blackout_ms: Some((50, 500)),
                ..Kinds::default()
            };
        }
        _ => {}
    }
}

fn look_at_clocks(plan: &mut Plan, kinds: &mut Kinds, mutant: Mutant) {
    match mutant {
        Mutant::RestartWithoutLease => {
            plan.fsync = FsyncPolicy::Always;
            kinds.storm_restarts = Some(3);
            kinds.power_loss_ms = Some((20, 200));
            kinds.jump_ms = Some((100, 2_000));
            kinds.skew_ms = 200;
        }
        Mutant::HlcIgnoresToken => {
            plan.shards = plan.shards.max(2);
            kinds.skew_ms = 200;
        }
        Mutant::ClockAheadWrites => {
            kinds.skew_ms = 200;
            kinds.jump_ms = Some((300, 2_000));
        }
        _ => {}
    }
}

fn look_at_replication(plan: &mut Plan, kinds: &mut Kinds, load: &mut Load, mutant: Mutant) {
    match mutant {
        Mutant::WipedPromisesEarly => {
            (plan.fsync, plan.shards, load.put_percent) = (FsyncPolicy::Always, 1, 60);
            (plan.links.loss, plan.links.latency_us) = (0.1, 40_000);
            *kinds = Kinds {
                every_ms: (300, 1_500),
                lost_disk_ms: Some((100, 500)),
                partition_ms: Some((500, 3_000)),
                one_way_ms: Some((500, 3_000)),
                ..Kinds::default()
            };
        }
        Mutant::TransferDropsOwn | Mutant::TransferKeepsLastVector => {
            transfers(plan, kinds);
            load.delete_percent = 20;
        }
        Mutant::CutNotTransferred | Mutant::LogReachesTooFar => transfers(plan, kinds),
        Mutant::SnapshotNotTriedAgain => {
            transfers(plan, kinds);
            kinds.full_disk_ms = Some((1_000, 3_000));
        }
        Mutant::ReplyToAnotherProcess => {
            (plan.fsync, plan.shards) = (FsyncPolicy::Always, plan.shards.max(2));
            *kinds = Kinds {
                every_ms: (100, 600),
                kill_ms: Some((10, 100)),
                storm_restarts: Some(3),
                slow_disk: Some((50, 200)),
                hold_ms: Some((100, 1_000)),
                ..Kinds::default()
            };
        }
        Mutant::ForwardTakenTwice => plan.links.duplication = 0.1,
        Mutant::ReapplyBelowVector
        | Mutant::GapAccepted
        | Mutant::PromiseAheadOfData
        | Mutant::PushSkipsUnacknowledged
        | Mutant::PullSkipsRecord
        | Mutant::PullPromisesReceived => plan.links.loss = 0.1,
        Mutant::NeverTrustedAgain => kinds.isolate_ms = Some((500, 6_000)),
        _ => {}
    }
}

fn look_at_operations(plan: &mut Plan, kinds: &mut Kinds, load: &mut Load, mutant: Mutant) {
    match mutant {
        Mutant::TombstoneCollectedEarly | Mutant::DeleteWithoutTombstone | Mutant::TombstoneReadForgotten => {
            load.delete_percent = 20;
        }
        Mutant::TieByArrival => {
            (plan.shards, kinds.skew_ms, load.hot_percent, load.put_percent) = (1, 0, 90, 60);
        }
        Mutant::MacNotChecked => load.forged_percent = 5,
        Mutant::RetryAppliedTwice => load.named_percent = 50,
        Mutant::NameForgottenEarly => {
            (plan.shards, plan.client_loss, plan.links.latency_us) = (2, 0.1, 40_000);
            (load.named_percent, load.put_percent, load.hot_percent) = (90, 60, 60);
            *kinds = Kinds {
                every_ms: (300, 1_500),
                isolate_ms: Some((500, 3_000)),
                one_way_ms: Some((500, 3_000)),
                hold_ms: Some((100, 3_000)),
                swizzle_ms: Some((500, 3_000)),
                ..Kinds::default()
            };
        }
        Mutant::RefusedAfterApplied | Mutant::AckBeforeDurable | Mutant::ConcernCountsItself => load.concern_percent = 50,
        _ => {}
    }
}

fn look_at_changes(plan: &mut Plan, kinds: &mut Kinds, load: &mut Load, mutant: Mutant) {
    match mutant {
        // A write must be on its way to the disk while slots are handed over.
        Mutant::SealOverPending => {
            (plan.fsync, load.put_percent) = (FsyncPolicy::Always, 60);
            *kinds = Kinds { every_ms: (300, 1_500), slow_disk: Some((50, 200)), ..Kinds::default() };
        }
        // Who is gone must have told some replicas more than others.
        Mutant::TransferAboveCut => {
            plan.tail_bytes = SMALL_TAIL;
            kinds.one_way_ms = Some((500, 3_000));
            kinds.isolate_ms = Some((500, 6_000));
        }
        _ => {}
    }
}

/// Nodes are away for longer than they keep their place, while clients reach them.
fn look_at_evictions(plan: &mut Plan, kinds: &mut Kinds, load: &mut Load, mutant: Mutant) {
    if mutant == Mutant::EvictedTailDropped {
        (plan.evict_after_ms, load.put_percent) = (500, 60);
        (kinds.isolate_ms, kinds.partition_ms) = (Some((4_000, 8_000)), Some((4_000, 8_000)));
    }
}

/// Replicas fall so far behind that whole slots are taken over, those that lost their disk too.
fn transfers(plan: &mut Plan, kinds: &mut Kinds) {
    plan.tail_bytes = SMALL_TAIL;
    kinds.isolate_ms = Some((500, 6_000));
    kinds.lost_disk_ms = Some((100, 3_000));
}
