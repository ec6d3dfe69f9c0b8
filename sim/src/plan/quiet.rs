//! A plan in which nothing happens: what a plan by hand starts from.

use causeway::{clock::ENTRY_CAP, node::Settings, store::FsyncPolicy};

use super::{Links, Losses, Plan, Reordering};

impl Plan {
    /// Two nodes that hold one shard, over links and on disks that do what they should, for three seconds without faults and clients.
    pub fn two_quiet_nodes(seed: u64) -> Self {
        Self {
            seed,
            mutant: None,
            nodes: 2,
            shards: 1,
            spares: 0,
            requests: Vec::new(),
            warm_up_ms: 1_000,
            faults_ms: 3_000,
            tail_bytes: 64 << 20,
            token_entries: ENTRY_CAP,
            evict_after_ms: Settings::default().evict_after_ms,
            causal_wait_ms: 100,
            repair_holdoff_ms: 0,
            fsync: FsyncPolicy::Always,
            older: None,
            losses: Losses::None,
            value_bytes: 0,
            client_loss: 0.0,
            skews_ms: vec![0, 0],
            links: Links { loss: 0.0, duplication: 0.0, damage: 0.0, latency_us: 1_000, reordering: Reordering::Never },
            faults: Vec::new(),
            operations: Vec::new(),
        }
    }
}
