//! Draws a plan from a seed.
//!
//! Swarm testing (Groce, Zhang, Eide, Chen, Regehr, ISSTA 2012): each run leaves some kinds of faults and of operations out, since
//! a run that does a little of everything never does much of anything. What is left out is `None` or 0 here.
//!
//! Every plan is survivable, unless it says otherwise: the faults that cost a node its disk, or its right to write, leave every
//! shard a replica that has neither lost.

mod faults;
mod focus;
mod load;
mod requests;

use causeway::{clock::ENTRY_CAP, id::NodeId, mutant::Mutant, node::Settings, store::FsyncPolicy};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::{
    faults::{Kinds, schedule},
    focus::{focus, rarely},
    load::Load,
    requests::{Requests, is_of_changes},
};
use crate::{
    plan::{Links, Losses, Plan, Reordering},
    streams::{Purpose, Streams},
};

/// Seeds from here on make up the family of *reconfigurations*: nodes join, leave and are cut off, and slots move, while all else
/// goes wrong.
pub const FIRST_RECONFIGURATION: u64 = 1_000_000;

/// Of the reconfigurations, those from here on lose disks too.
pub const FIRST_LOST_DISK: u64 = 2_000_000;

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64, mutant: Option<Mutant>) -> Self {
        let streams = Streams::new(seed);
        let random = &mut streams.stream(Purpose::Shape);
        let lax = random.random_bool(0.08);
        let mut plan = Self {
            seed,
            mutant,
            nodes: 6,
            shards: [1, 2, 2, 2, 3][random.random_range(0..5)],
            spares: 0,
            warm_up_ms: 1_000,
            faults_ms: 30_000,
            links: Links::draw(random),
            tail_bytes: [6_000, 64 << 20, 64 << 20][random.random_range(0..3)],
            token_entries: ENTRY_CAP,
            evict_after_ms: Settings::default().evict_after_ms,
            causal_wait_ms: [0, 100, 400, 400][random.random_range(0..4)],
            repair_holdoff_ms: [0, 0, 0, 2_500][random.random_range(0..4)],
            fsync: if lax { FsyncPolicy::Interval { ms: 20 } } else { FsyncPolicy::Always },
            older: None,
            losses: if random.random_bool(0.05) { Losses::Allowed } else { Losses::None },
            value_bytes: [20, 20, 300][random.random_range(0..3)],
            client_loss: if random.random_bool(0.3) { 0.01 } else { 0.0 },
            skews_ms: Vec::new(),
            faults: Vec::new(),
            requests: Vec::new(),
            operations: Vec::new(),
        };
        let mut load = Load::draw(random);
        let mut kinds = Kinds::draw(random);
        if plan.losses == Losses::Allowed {
            kinds.lost_disk_ms = Some((100, 3_000));
            kinds.stray_writes_ms = random.random_bool(0.5).then_some((200, 2_000));
        }
        if lax {
            kinds.leave_out_losses();
        }
        let requests = (seed >= FIRST_RECONFIGURATION || mutant.is_some_and(is_of_changes))
            .then(|| Requests::draw(&mut streams.stream(Purpose::Operators), &mut streams.numbered(Purpose::Operators, 3)));
        if let Some(requests) = &requests {
            requests.prepare(&mut plan, &mut kinds);
            plan.evict_after_ms = evict_after_ms(&mut streams.numbered(Purpose::Operators, 2));
        }
        match mutant {
            Some(mutant) => focus(&mut plan, &mut kinds, &mut load, mutant),
            None => rarely(&mut plan, random),
        }
        let random = &mut streams.stream(Purpose::Faults);
        let skew_ms = kinds.skew_ms as i64;
        plan.skews_ms = (0..plan.nodes + plan.spares).map(|_| random.random_range(-skew_ms..=skew_ms)).collect();
        plan.faults = schedule(&plan, &kinds, random);
        if let Some(requests) = requests {
            let asked = requests.plan(&plan, &mut streams.numbered(Purpose::Operators, 1));
            let asked = requests.with_aborts(&plan, asked, &mut streams.numbered(Purpose::Operators, 4));
            plan.requests = requests.with_backups(&plan, asked, &mut streams.numbered(Purpose::Operators, 5));
        }
        plan.older = older(&plan, &mut streams.numbered(Purpose::Shape, 1));
        plan.operations = load.operations(streams, plan.nodes, plan.faults_ms);
        plan
    }
}

/// In a quarter of the runs a node is of an earlier version; always where that is what is looked at.
fn older(plan: &Plan, random: &mut ChaCha8Rng) -> Option<NodeId> {
    let wanted = random.random_ratio(1, 4);
    let node = NodeId(random.random_range(0..plan.nodes.into()));
    (wanted || plan.mutant == Some(Mutant::MessageOfANewKind)).then_some(node)
}

/// In half of the runs nodes are evicted so soon that a fault is long enough.
fn evict_after_ms(random: &mut ChaCha8Rng) -> u64 {
    if random.random_bool(0.5) { random.random_range(200..=2_500) } else { Settings::default().evict_after_ms }
}

impl Links {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        Self {
            loss: [0.0, 0.01, 0.1][random.random_range(0..3)],
            duplication: [0.0, 0.01, 0.1][random.random_range(0..3)],
            damage: [0.0, 0.0, 0.01][random.random_range(0..3)],
            latency_us: [1_000, 5_000, 40_000][random.random_range(0..3)],
            reordering: [Reordering::Never, Reordering::Always][random.random_range(0..2)],
        }
    }
}
