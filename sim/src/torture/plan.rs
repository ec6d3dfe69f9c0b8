//! What is done to whom when: drawn from a seed, printed before the run, and the same again for the same seed.
//!
//! When things really happen depends on the machine: a node has one harm at a time, and so has the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
};

use causeway::id::NodeId;
use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    harm::{Harm, TimedHarm},
    load::random,
    stage::Build,
};
use crate::fault::Breakage;

/// The stream of a seed that plans are drawn from: no session has it.
const STREAM: u64 = u64::MAX;
/// Between two harms, in milliseconds.
const GAP_MS: RangeInclusive<u64> = 300..=2_000;
const DOWN_MS: RangeInclusive<u64> = 20..=1_500;
const FOR_MS: RangeInclusive<u64> = 300..=2_500;
/// One cut of so many lasts until nodes leave the view.
const LONG_CUT_ONE_IN: u32 = 5;
const LONG_CUT_MS: RangeInclusive<u64> = 4_000..=7_000;
/// How long a node needs between two harms.
const RECOVERY_MS: u64 = 800;

/// How much is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// What everything is drawn from.
    pub seed: u64,
    /// How many nodes there are.
    pub nodes: u16,
    /// In how many shards.
    pub shards: u16,
    /// How often a node is killed, at the least.
    pub kills: u32,
    /// How often some nodes do not hear others.
    pub partitions: u32,
    /// Whether the last node's disk is small enough to be filled.
    pub fills_disk: FillsDisk,
}

/// Whether a disk may be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillsDisk {
    /// That of the last node.
    OfTheLast,
    /// None.
    No,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorturePlan {
    /// What was asked for.
    pub wanted: Wanted,
    /// What is done, in the order of time.
    pub harms: Vec<TimedHarm>,
}

impl TorturePlan {
    /// Draws it.
    pub fn draw(wanted: Wanted) -> Self {
        let mut draft = Draft { wanted, random: random(wanted.seed, STREAM), free_ms: BTreeMap::new() };
        let kinds = draft.kinds();
        let mut now_ms = 0;
        let mut shards = wanted.shards;
        let mut harms = Vec::new();
        for kind in kinds {
            let harm = draft.harm(kind, now_ms, &mut shards);
            harms.push(TimedHarm { at_ms: now_ms, harm });
            now_ms += draft.random.random_range(GAP_MS);
        }
        Self { wanted, harms }
    }

    /// The same without what would begin after so many seconds.
    pub fn within(mut self, seconds: u64) -> Self {
        self.harms.retain(|timed| timed.at_ms < seconds * 1_000);
        self
    }

    /// The same with an upgrade of all nodes early, and a downgrade late.
    pub fn with_builds(mut self) -> Self {
        for (build, after, of) in [(Build::Newer, 1, 6), (Build::Older, 2, 3)] {
            let place = self.harms.len() * after / of;
            let at_ms = self.harms.get(place).map_or(0, |timed| timed.at_ms);
            self.harms.insert(place, TimedHarm { at_ms, harm: Harm::Change(build) });
        }
        self
    }

    /// How many harms of each kind there are.
    pub fn counts(&self) -> BTreeMap<&'static str, u32> {
        let mut counts = BTreeMap::new();
        for TimedHarm { harm, .. } in &self.harms {
            *counts.entry(harm.kind()).or_default() += 1;
        }
        counts
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kill,
    Stop,
    Pause,
    Disconnect,
    Partition,
    OneWay,
    Partial,
    Slow,
    Lossy,
    FullDisk,
    Roll,
    Reshard,
}

struct Draft {
    wanted: Wanted,
    random: ChaCha8Rng,
    /// When the last harm of each node is over, about.
    free_ms: BTreeMap<NodeId, u64>,
}

impl Draft {
    /// All that is done, in some order. Kills and partitions are what was asked for; of the rest there is some to each.
    fn kinds(&mut self) -> Vec<Kind> {
        let Wanted { kills, partitions, nodes, shards, fills_disk, .. } = self.wanted;
        let some = |one_in: u32| kills.div_ceil(one_in);
        let of_each = [Kind::Partition, Kind::OneWay, Kind::Partial, Kind::Disconnect];
        let mut kinds: Vec<Kind> = of_each.into_iter().cycle().take(partitions as usize).collect();
        let mut add = |kind, times: u32| kinds.extend((0..times).map(|_| kind));
        add(Kind::Kill, kills);
        add(Kind::Stop, some(10));
        add(Kind::Pause, some(10));
        add(Kind::Slow, some(25));
        add(Kind::Lossy, some(25));
        add(Kind::FullDisk, if fills_disk == FillsDisk::OfTheLast { some(25) } else { 0 });
        add(Kind::Roll, some(100));
        // There and back again.
        add(Kind::Reshard, if nodes >= 2 * (shards + 1) { 2 * some(50) } else { 0 });
        kinds.shuffle(&mut self.random);
        kinds
    }

    fn harm(&mut self, kind: Kind, now_ms: u64, shards: &mut u16) -> Harm {
        let for_ms = self.random.random_range(FOR_MS);
        let down_ms = self.random.random_range(DOWN_MS);
        match kind {
            Kind::Kill => Harm::Kill { node: self.victim(now_ms, down_ms), down_ms },
            Kind::Stop => Harm::Stop { node: self.victim(now_ms, down_ms), down_ms },
            Kind::Pause => Harm::Pause { node: self.victim(now_ms, for_ms), for_ms },
            Kind::Disconnect => Harm::Disconnect { node: self.victim(now_ms, for_ms), for_ms },
            Kind::Slow => {
                let kbit_per_s = self.random.random_range(100..=2_000);
                Harm::Slow { node: self.victim(now_ms, for_ms), kbit_per_s, for_ms }
            }
            Kind::Lossy => {
                let percent = self.random.random_range(2..=25);
                Harm::Lossy { node: self.victim(now_ms, for_ms), percent, for_ms }
            }
            Kind::FullDisk => {
                let node = NodeId(u32::from(self.wanted.nodes) - 1);
                self.occupy(node, now_ms + for_ms);
                Harm::FullDisk { node, for_ms }
            }
            Kind::Partition | Kind::OneWay | Kind::Partial => self.cut(kind),
            Kind::Roll => Harm::Roll,
            Kind::Reshard => {
                *shards = if *shards == self.wanted.shards { *shards + 1 } else { self.wanted.shards };
                Harm::Reshard { first: self.anyone(), shards: *shards }
            }
        }
    }

    fn cut(&mut self, kind: Kind) -> Harm {
        let nodes = u32::from(self.wanted.nodes);
        let is_long = self.random.random_ratio(1, LONG_CUT_ONE_IN);
        let for_ms = self.random.random_range(if is_long { LONG_CUT_MS } else { FOR_MS });
        let size = self.random.random_range(1..=(nodes / 2).max(1));
        let mut all: Vec<NodeId> = (0..nodes).map(NodeId).collect();
        all.shuffle(&mut self.random);
        let group: BTreeSet<NodeId> = all.into_iter().take(size as usize).collect();
        let breakage = match kind {
            Kind::OneWay => Breakage::OneWay(group),
            // In a ring of three everybody is a neighbour.
            Kind::Partial if nodes > 3 => Breakage::Ring(nodes),
            _ => Breakage::Partition(group),
        };
        Harm::Cut { breakage, for_ms }
    }

    /// A node that has no other harm now, if there is one.
    fn victim(&mut self, now_ms: u64, for_ms: u64) -> NodeId {
        let free_ms = |node: &NodeId| self.free_ms.get(node).copied().unwrap_or_default();
        let free: Vec<NodeId> = (0..u32::from(self.wanted.nodes)).map(NodeId).filter(|node| free_ms(node) <= now_ms).collect();
        let node = if free.is_empty() { self.anyone() } else { free[self.random.random_range(0..free.len())] };
        self.occupy(node, now_ms + for_ms + RECOVERY_MS);
        node
    }

    fn anyone(&mut self) -> NodeId {
        NodeId(self.random.random_range(0..u32::from(self.wanted.nodes)))
    }

    fn occupy(&mut self, node: NodeId, until_ms: u64) {
        let free_ms = self.free_ms.entry(node).or_default();
        *free_ms = until_ms.max(*free_ms);
    }
}

impl fmt::Display for TorturePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { seed, nodes, shards, .. } = self.wanted;
        write!(f, "seed {seed}: {nodes} nodes in {shards} shards, {} harms", self.harms.len())?;
        self.harms.iter().try_for_each(|TimedHarm { at_ms, harm }| write!(f, "\n  {at_ms:>8}  {harm}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(seed: u64) -> Wanted {
        Wanted { seed, nodes: 6, shards: 2, kills: 50, partitions: 10, fills_disk: FillsDisk::OfTheLast }
    }

    #[test]
    fn a_seed_is_a_plan_and_another_seed_is_another() {
        assert_eq!(TorturePlan::draw(wanted(7)), TorturePlan::draw(wanted(7)));
        assert_ne!(TorturePlan::draw(wanted(7)).harms, TorturePlan::draw(wanted(8)).harms);
    }

    #[test]
    fn all_that_was_asked_for_is_in_it_and_some_of_everything_else() {
        let plan = TorturePlan::draw(wanted(7));
        let counts = plan.counts();
        assert_eq!(counts["kill"], 50);
        assert_eq!(plan.harms.iter().filter(|timed| timed.harm.is_partition()).count(), 10);
        let others = ["stop", "pause", "disconnect", "slow link", "lossy link", "full disk", "rolling restart", "reshard"];
        assert!(others.into_iter().all(|kind| counts.contains_key(kind)), "{counts:?}");
        assert!(counts["partition"] > 0 && counts["one-way cut"] > 0 && counts["partial cut"] > 0, "{counts:?}");
    }

    #[test]
    fn with_two_builds_all_else_is_done_too_and_in_the_order_of_time() {
        let (plain, both) = (TorturePlan::draw(wanted(7)), TorturePlan::draw(wanted(7)).with_builds());
        let (changes, rest): (Vec<_>, Vec<_>) =
            both.harms.iter().cloned().partition(|timed| matches!(timed.harm, Harm::Change(_)));
        assert_eq!(rest, plain.harms);
        assert!(both.harms.is_sorted_by_key(|timed| timed.at_ms));
        assert_eq!(changes.iter().map(|timed| timed.harm.kind()).collect::<Vec<_>>(), ["rolling upgrade", "rolling downgrade"]);
    }

    #[test]
    fn shards_are_in_the_end_as_many_as_at_first() {
        for seed in 0..20 {
            let plan = TorturePlan::draw(wanted(seed));
            let mut shards = plan.harms.iter().filter_map(|timed| match timed.harm {
                Harm::Reshard { shards, .. } => Some(shards),
                _ => None,
            });
            assert_eq!(shards.next_back(), Some(2), "seed {seed}");
        }
    }
}
