//! Draws what operators ask for: reshards up, down and to the same count, nodes that join, are moved, leave, and are taken out while they
//! are down. Some requests come in pairs, at the same time and to different nodes, and some reshards are called off soon after.

use causeway::{id::NodeId, mutant::Mutant, store::FsyncPolicy};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{FIRST_LOST_DISK, faults::Kinds};
use crate::plan::{Losses, Plan, Request, Wish};

/// The most shards that anybody asks for.
const MOST_SHARDS: u16 = 4;

/// The most backups of a run.
const MOST_BACKUPS: u32 = 4;

/// How operators behave in a run.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    /// Between two requests, in milliseconds.
    every_ms: (u64, u64),
    /// Nodes that may be added.
    spares: u16,
    /// How often a request has a twin, in percent.
    twin_percent: u8,
    /// How often a reshard is called off soon after, in percent.
    abort_percent: u8,
    /// Whether processes end uncleanly meanwhile.
    crashes: bool,
    /// The shares of the kinds, in percent of a hundred: reshards, nodes into the view, nodes out of it; the rest are moved.
    shares: [u8; 3],
}

impl Requests {
    pub fn draw(random: &mut ChaCha8Rng, later: &mut ChaCha8Rng) -> Self {
        Self {
            abort_percent: [0, 0, 25][later.random_range(0..3)],
            crashes: later.random_bool(0.5),
            every_ms: [(500, 2_000), (1_500, 5_000), (3_000, 8_000)][random.random_range(0..3)],
            spares: random.random_range(0..=2),
            twin_percent: [0, 30][random.random_range(0..2)],
            shares: [[100, 0, 0], [60, 20, 10], [30, 25, 25]][random.random_range(0..3)],
        }
    }

    /// What else the run must be like.
    pub fn prepare(&self, plan: &mut Plan, kinds: &mut Kinds) {
        (plan.spares, plan.losses, plan.fsync) = (self.spares, Losses::None, FsyncPolicy::Always);
        match self.crashes || plan.seed >= FIRST_LOST_DISK {
            true => kinds.leave_out_bad_disks(),
            false => kinds.leave_out_losses(),
        }
        if plan.seed >= FIRST_LOST_DISK {
            kinds.lost_disk_ms = Some((100, 3_000));
        }
    }

    /// What is asked for until the faults are over, in order of time.
    pub fn plan(&self, plan: &Plan, random: &mut ChaCha8Rng) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut at_ms = random.random_range(200..=self.every_ms.1);
        let mut spares = plan.nodes..plan.nodes + plan.spares;
        while at_ms + 1_000 < plan.faults_ms {
            let twins = 1 + usize::from(random.random_ratio(self.twin_percent.into(), 100));
            for _ in 0..twins {
                let node = NodeId(random.random_range(0..u32::from(plan.nodes)));
                let wish = self.wish(plan, &mut spares, random);
                requests.push(Request { at_ms, node, wish });
            }
            at_ms += random.random_range(self.every_ms.0..=self.every_ms.1);
        }
        requests
    }

    /// With some reshards called off, by whichever node is asked.
    pub fn with_aborts(&self, plan: &Plan, mut requests: Vec<Request>, random: &mut ChaCha8Rng) -> Vec<Request> {
        let reshards = requests.iter().filter(|request| matches!(request.wish, Wish::Reshard { .. }));
        let mut aborts = Vec::new();
        for reshard in reshards {
            if random.random_ratio(self.abort_percent.into(), 100) {
                let node = NodeId(random.random_range(0..u32::from(plan.nodes)));
                aborts.push(Request { at_ms: reshard.at_ms + random.random_range(20..=1_500), node, wish: Wish::AbortReshard });
            }
        }
        requests.extend(aborts);
        requests.sort_by_key(|request| request.at_ms);
        requests
    }

    /// With backups of the cluster between them, but where another planted bug is looked for: it needs none.
    pub fn with_backups(&self, plan: &Plan, mut requests: Vec<Request>, random: &mut ChaCha8Rng) -> Vec<Request> {
        if plan.mutant.is_some_and(|mutant| !is_of_backups(mutant)) {
            return requests;
        }
        for _ in 0..random.random_range(0..=MOST_BACKUPS) {
            let at_ms = random.random_range(0..plan.faults_ms);
            let node = NodeId(random.random_range(0..u32::from(plan.nodes)));
            requests.push(Request { at_ms, node, wish: Wish::Backup });
        }
        requests.sort_by_key(|request| request.at_ms);
        requests
    }

    fn wish(&self, plan: &Plan, spares: &mut std::ops::Range<u16>, random: &mut ChaCha8Rng) -> Wish {
        let [reshards, added, removed] = self.shares;
        let dice = random.random_range(0..100);
        let any = random.random_range(0..plan.nodes + plan.spares);
        if dice < reshards {
            Wish::Reshard { shards: random.random_range(1..=MOST_SHARDS.min(plan.nodes / 2)) }
        } else if dice < reshards + added {
            Wish::AddNode { address: spares.next().unwrap_or(any) }
        } else if dice < reshards + added + removed {
            Wish::RemoveNode { address: any }
        } else {
            Wish::AddMember { address: any, shard: random.random_range(0..plan.shards + 1) }
        }
    }
}

/// Whether a planted bug is in backups.
fn is_of_backups(mutant: Mutant) -> bool {
    matches!(mutant, Mutant::BackupOfNow | Mutant::BackupTooEarly)
}

/// Whether a planted bug shows where operators ask for something: then they do in every run.
pub(super) fn is_of_changes(mutant: Mutant) -> bool {
    matches!(
        mutant,
        Mutant::PeerEpochIgnored
            | Mutant::TokenEpochIgnored
            | Mutant::LeaverWrites
            | Mutant::FormerWritersIgnored
            | Mutant::CollectedWhileMoving
            | Mutant::ReportsOfAnyEpoch
            | Mutant::OlderConfigAdopted
            | Mutant::ImportCountsEarly
            | Mutant::FinishBeforeSealed
            | Mutant::FinishWithoutLeavers
            | Mutant::MoveNotMinimal
            | Mutant::CutActorKept
            | Mutant::TransferAboveCut
            | Mutant::CutNotPassedOn
            | Mutant::CutAtTheLeast
            | Mutant::LastBaseRemoved
            | Mutant::ImportWithoutBase
            | Mutant::SealOverPending
            | Mutant::OldReplicaKept
            | Mutant::AbortAfterSwitch
            | Mutant::EvictedTailDropped
            | Mutant::OthersTailsDropped
            | Mutant::BackupOfNow
            | Mutant::BackupTooEarly
    )
}
