//! Changes of the config: what a reshard moves, what `next` leads to, and what no change may do.

use std::collections::{BTreeMap, BTreeSet};

use causeway::{
    clock::Hlc,
    id::{ActorId, NodeId, ShardId, Slot},
    placement::{Actor, Change, Config, Departure, Owners, Progress, Refused, SLOTS, Standing, Taking, next},
};
use proptest::prelude::*;

use crate::{
    found,
    moved::{KEYS, Keys, Moved, least_moves, random_counts},
};

/// More steps than any change needs.
const STEPS: usize = 1_000;

/// A cluster whose nodes do at once what a config asks of them.
struct Model {
    config: Config,
    live: BTreeSet<NodeId>,
    used: BTreeSet<ActorId>,
}

impl Model {
    fn new(nodes: usize, shards: u16) -> Self {
        let config = found(nodes, shards);
        let live = config.members().iter().map(|member| member.node).collect();
        let used = config.actors().map(|actor| actor.actor).collect();
        Self { config, live, used }
    }

    /// Makes a change, if it fits, and checks what must hold between one config and the next.
    fn change(&mut self, change: &Change) -> bool {
        let Ok(next) = self.config.changed(change) else { return false };
        assert_eq!(next.parent(), Some(self.config.epoch()));
        assert!(next.epoch() > self.config.epoch());
        for actor in next.actors().filter(|actor| self.config.actor(actor.actor).is_none()) {
            assert!(self.used.insert(actor.actor), "{change}: {} is used again", actor.actor);
        }
        for shard in next.shards().filter(|shard| next.owners().has(*shard)) {
            let holds = |actor: &Actor| actor.holds_base || actor.unbroken_since != actor.actor;
            assert!(next.replicas(shard).any(holds), "{change}: nobody holds {shard}");
        }
        self.config = next;
        true
    }

    /// What everybody says who has done all that there is to do. Who is down has said nothing.
    fn progress(&self) -> BTreeMap<ActorId, Progress> {
        let epoch = self.config.epoch();
        let copied = self.config.migration().map(|migration| migration.begun);
        let held: BTreeMap<ActorId, Hlc> = self.config.actors().map(|actor| (actor.actor, Hlc(7))).collect();
        let live = self.config.actors().filter(|actor| self.live.contains(&actor.node));
        live.map(|actor| {
            (actor.actor, Progress { epoch, serves: true, copied, sealed: epoch, held: held.clone(), taking: Taking::default() })
        })
        .collect()
    }

    /// A base that a live node can have by now, from a live one or from its own disk.
    fn base(&self) -> Option<Change> {
        let live = |actor: &&Actor| self.live.contains(&actor.node);
        let held = |shard| self.config.replicas(shard).filter(live).any(|actor| actor.holds_base);
        let mut lacking = self.config.actors().filter(live).filter(|actor| !actor.holds_base && actor.standing.writes());
        let has = lacking.find(|actor| actor.unbroken_since != actor.actor || held(actor.shard))?;
        Some(Change::HasBase { actor: has.actor })
    }

    fn due(&self) -> Option<Change> {
        self.base().or_else(|| next(&self.config, &self.live, &self.progress()))
    }

    /// Does what is due until nothing is.
    fn settle(&mut self) {
        for _ in 0..STEPS {
            let Some(change) = self.due() else { return };
            assert!(self.change(&change), "{change} is due and does not fit {:?}", self.config);
        }
        panic!("never settled: {:?}", self.config);
    }

    fn is_settled(&self) -> bool {
        let config = &self.config;
        config.goal().is_none() && config.migration().is_none() && config.actors().all(|actor| actor.standing.writes())
    }

    fn node_sizes(&self) -> Vec<usize> {
        self.config.shards().map(|shard| self.config.replicas(shard).count()).collect()
    }
}

fn spread(sizes: &[usize]) -> usize {
    sizes.iter().max().unwrap_or(&0) - sizes.iter().min().unwrap_or(&0)
}

#[test]
fn every_step_from_n_shards_to_the_next_moves_the_least_number_of_slots_and_few_keys() {
    let keys = Keys::numbered();
    for before in 1..=16u16 {
        for after in [before - 1, before, before + 1].into_iter().filter(|after| *after > 0) {
            let mut owners = Owners::found(before);
            let moved = Moved::by_reshard(&mut owners, before, after, &keys);
            let least = if after > before {
                (0..after - before).map(|new| usize::from(SLOTS / after) + usize::from(before + new < SLOTS % after)).sum()
            } else {
                moved.least_slots
            };
            assert_eq!(moved.slots, least, "{before} to {after}");
            assert!(moved.keys_ratio() <= 1.1, "{before} to {after}: {} times the least number of keys", moved.keys_ratio());
            assert!(spread(&owners.sizes(after)) <= 1, "{before} to {after}: {:?}", owners.sizes(after));
            assert_eq!(owners.sizes(after).iter().sum::<usize>(), usize::from(SLOTS));
        }
    }
}

#[test]
fn a_hundred_reshards_in_a_row_move_few_keys_and_leave_them_even() {
    let (keys, mut owners, mut before) = (Keys::numbered(), Owners::found(2), 2);
    for (round, after) in random_counts().take(100).enumerate() {
        let moved = Moved::by_reshard(&mut owners, before, after, &keys);
        assert_eq!(moved.slots, moved.least_slots, "round {round}: {before} to {after}");
        assert!(moved.keys_ratio() <= 1.1, "round {round}: {} times the least number of keys", moved.keys_ratio());
        let mean = KEYS as f64 / f64::from(after);
        let counts = keys.of_shards(&owners, after);
        assert!(counts.iter().all(|count| (*count as f64 - mean).abs() <= mean / 4.0), "round {round}: {counts:?}");
        before = after;
    }
}

#[test]
fn a_hundred_reshards_in_a_row_leave_slots_and_nodes_even() {
    let mut model = Model::new(33, 2);
    for (round, shards) in random_counts().take(100).enumerate() {
        let before = model.config.shards().count() as u16;
        let (owners, nodes) = (model.config.owners().clone(), model.config.members().len());
        assert!(model.change(&Change::Reshard { shards, gone: Vec::new() }));
        model.settle();
        assert!(model.is_settled(), "round {round}: {:?}", model.config);
        let (slots, sizes) = (model.config.owners().sizes(shards), model.node_sizes());
        assert_eq!(sizes.len(), usize::from(shards), "round {round}");
        assert!(spread(&slots) <= 1 && spread(&sizes) <= 1, "round {round}: {slots:?} {sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), nodes);
        let moved = (0..SLOTS).filter(|slot| owners.get(Slot(*slot)) != model.config.owners().get(Slot(*slot))).count();
        assert_eq!(moved, least_moves(&owners, before, shards), "round {round}: {before} to {shards}");
    }
}

#[derive(Debug, Clone)]
enum Act {
    Dies(u32),
    Returns(u32),
    Step,
    Reshard(u16),
    Remove(u32),
    Add(u32),
    Evict(u32),
    Replace(u32),
    Leave(u32),
    Join(u32, u16),
    Abort,
}

fn act() -> impl Strategy<Value = Act> {
    let node = 0..8u32;
    prop_oneof![
        1 => node.clone().prop_map(Act::Dies),
        1 => node.clone().prop_map(Act::Returns),
        4 => Just(Act::Step),
        1 => (1..=4u16).prop_map(Act::Reshard),
        1 => node.clone().prop_map(Act::Remove),
        1 => node.clone().prop_map(Act::Add),
        1 => node.clone().prop_map(Act::Evict),
        1 => node.clone().prop_map(Act::Replace),
        1 => node.clone().prop_map(Act::Leave),
        1 => (node, 0..4u16).prop_map(|(node, shard)| Act::Join(node, shard)),
        1 => Just(Act::Abort),
    ]
}

impl Model {
    fn act(&mut self, act: &Act) {
        let address = |node: u32| self.config.members()[node as usize].address.clone();
        let change = match act {
            Act::Dies(node) => {
                self.live.remove(&NodeId(*node));
                return;
            }
            Act::Returns(node) => {
                self.live.insert(NodeId(*node));
                return;
            }
            Act::Step => match self.due() {
                Some(change) => {
                    assert!(self.change(&change), "{change} is due and does not fit");
                    return;
                }
                None => return,
            },
            Act::Reshard(shards) => Change::Reshard { shards: *shards, gone: self.gone() },
            Act::Remove(node) if self.live.contains(&NodeId(*node)) => {
                Change::Remove { node: NodeId(*node), how: Departure::Drain }
            }
            Act::Remove(node) => Change::Remove { node: NodeId(*node), how: Departure::Cut },
            Act::Add(node) => Change::Introduce { address: address(*node) },
            Act::Evict(node) => Change::Evict { node: NodeId(*node) },
            Act::Replace(node) => Change::Replace { node: NodeId(*node) },
            Act::Leave(node) => Change::Leave { node: NodeId(*node) },
            Act::Join(node, shard) => Change::Join { node: NodeId(*node), shard: ShardId(*shard) },
            Act::Abort => Change::Abort,
        };
        self.change(&change);
    }

    /// The dead whose shard has a live replica.
    fn gone(&self) -> Vec<NodeId> {
        let live = |shard| self.config.replicas(shard).any(|actor| actor.holds_base && self.live.contains(&actor.node));
        let dead = self.config.actors().filter(|actor| actor.standing.writes() && !self.live.contains(&actor.node));
        dead.filter(|actor| live(actor.shard)).map(|actor| actor.node).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever happened before: once all are up again, what is due leads to an end, and nothing is left on the way.
    #[test]
    fn from_any_state_the_next_steps_lead_to_a_settled_one(acts in prop::collection::vec(act(), 0..40)) {
        let mut model = Model::new(8, 2);
        acts.iter().for_each(|act| model.act(act));
        model.live = model.config.members().iter().map(|member| member.node).collect();
        model.settle();
        prop_assert!(model.is_settled(), "{:?}", model.config);
        prop_assert!(spread(&model.config.owners().sizes(model.config.shards().count() as u16)) <= 1);
    }

    #[test]
    fn a_config_survives_its_wire(acts in prop::collection::vec(act(), 0..30)) {
        let mut model = Model::new(8, 2);
        acts.iter().for_each(|act| model.act(act));
        let bytes = postcard::to_allocvec(&model.config).expect("any config");
        let read: Config = postcard::from_bytes(&bytes).expect("what was written");
        prop_assert_eq!(read, model.config);
    }
}

/// It is sent whole and lies in the marks, which have room for so much.
#[test]
fn a_config_stays_small_after_many_reshards() {
    let mut model = Model::new(64, 2);
    for shards in [16, 3, 11, 7, 16, 5, 13, 2, 16, 9, 16] {
        assert!(model.change(&Change::Reshard { shards, gone: Vec::new() }));
        model.settle();
    }
    let bytes = postcard::to_allocvec(&model.config).expect("any config").len();
    assert!(bytes < 16 << 10, "{bytes} bytes");
}

#[test]
fn an_actor_stands_until_nobody_needs_it() {
    let mut model = Model::new(4, 2);
    assert!(model.change(&Change::Leave { node: NodeId(0) }));
    assert!(!model.change(&Change::Leave { node: NodeId(2) }), "the last replica of its shard");
    let leaving = model.config.actor(ActorId(0)).expect("not retired").standing;
    assert!(matches!(leaving, Standing::Leaving { .. }));
    let silent = BTreeMap::new();
    assert_eq!(next(&model.config, &model.live, &silent), None, "the other replica has not said that it has all");
    model.settle();
    assert_eq!(model.config.actor(ActorId(0)), None);
}

/// Seed 1000044: a node was removed as gone while the other one of its shard still waited for what it held.
#[test]
fn a_shard_does_not_lose_who_alone_has_its_contents() {
    let mut model = Model::new(4, 2);
    for node in [NodeId(0), NodeId(2)] {
        let leave = Change::Leave { node };
        let fits = model.change(&leave);
        assert_eq!(fits, node == NodeId(0), "{leave}");
        model.settle();
    }
    assert!(model.change(&Change::Join { node: NodeId(0), shard: ShardId(0) }));
    let remove = Change::Remove { node: NodeId(2), how: Departure::Cut };
    assert_eq!(model.config.changed(&remove), Err(Refused::OthersLackBase));
    model.settle();
    assert!(model.change(&remove));
}

/// A plan of seed 1000094: who leaves alone held an actor up to its cut.
#[test]
fn nobody_leaves_with_what_counts_of_who_is_gone() {
    let mut model = Model::new(4, 1);
    model.live.remove(&NodeId(3));
    assert!(model.change(&Change::Evict { node: NodeId(3) }));
    assert!(model.change(&Change::Cut { actor: ActorId(3), upto: Hlc(9), beyond: BTreeMap::new() }));
    assert!(model.change(&Change::Leave { node: NodeId(2) }));
    assert_eq!(next(&model.config, &model.live, &model.progress()), None, "all have sealed, and hold node 3 only up to 7");
    assert!(model.change(&Change::Evict { node: NodeId(2) }));
    let standing = model.config.actor(ActorId(3)).expect("nobody has it up to the cut").standing;
    assert!(matches!(standing, Standing::Frozen { .. }), "who had it may be gone: {standing:?}");
}

/// Seed 2001135: five of six left a shard within 200 ms, and the disk of the sixth had just been lost.
#[test]
fn who_has_all_stays_until_two_others_have() {
    for late in [[0, 1], [2, 3]] {
        let mut model = Model::new(4, 1);
        for node in late.map(NodeId) {
            assert!(model.change(&Change::Evict { node }));
            assert!(model.change(&Change::Join { node, shard: ShardId(0) }));
        }
        assert!(model.change(&Change::Reshard { shards: 2, gone: Vec::new() }));
        // Those that came late do not have their base yet.
        while let Some(change) = next(&model.config, &model.live, &model.progress()) {
            assert!(model.change(&change));
            assert_eq!(model.config.replicas(ShardId(0)).filter(|actor| actor.holds_base).count(), 2, "{change}");
        }
        model.settle();
        assert!(model.is_settled());
    }
}
