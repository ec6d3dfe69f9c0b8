//! A reshard by hand: four nodes go from one shard to two, each adopting every config, none of them holding anything but what is said.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use causeway::{
    clock::{Hlc, TokenKeys},
    id::{ActorId, NodeId, ShardId},
    node::Event,
    placement::{Change, Config, Departure, Founding, Progress, next},
};

use super::{Judge, Litmus, Violation};
use crate::history::OpId;

/// See the module.
pub struct Moving {
    run: Litmus,
    configs: Vec<Arc<Config>>,
    record: Option<OpId>,
}

impl Moving {
    /// Slots are handed over.
    pub fn switched() -> Self {
        let mut moving = Self::new();
        moving.adopt_until(|config| config.migration().is_some_and(|migration| migration.switched.is_some()));
        moving
    }

    /// Slots begin to move, one of them with a record by an actor that has left since.
    pub fn after_a_retirement() -> Self {
        let mut moving = Self::new();
        let op = moving.run.put(0, &moved_key(), moved_writer().0, 10);
        for node in (0..4).filter(|node| *node != moved_writer().0) {
            moving.run.replicate(op, node).unwrap();
        }
        moving.record = Some(op);
        moving.adopt_until(|config| config.migration().is_some());
        moving
    }

    /// The same with a record that nobody has any more.
    pub fn after_a_loss() -> Self {
        let mut moving = Self::new();
        let writer = moved_writer();
        moving.run.put(0, &moved_key(), writer.0, 10);
        moving.run.judge.destroy(NodeId(writer.0));
        moving.adopt_until(|config| config.migration().is_some());
        moving
    }

    /// A new owner applies an older record of the key that moves, and says that it wins.
    pub fn apply_older_at_a_taker(&mut self) -> Result<(), Violation> {
        let source = self.config().replicas(ShardId(0)).next().expect("somebody gives").actor;
        let op = self.run.begin_put(1, &moved_key());
        self.run.try_apply_put(op, source.0, 5)?;
        let taker = self.takers()[0].0;
        self.run.replicate_with_winner(op, taker, source.0, 5)
    }

    /// Node 3 is gone with the first record of a delete; the others have the second.
    pub fn before_a_cut_of_a_twin() -> Self {
        let mut moving = Self::new();
        let op = moving.run.begin_named_delete(0, "k");
        moving.run.apply_put(op, 3, 10);
        moving.run.retry(op);
        moving.run.apply_put(op, 0, 20);
        for node in 1..3 {
            moving.run.replicate(op, node).unwrap();
        }
        moving.record = Some(op);
        moving.adopt(&Change::Remove { node: NodeId(3), how: Departure::Cut }).unwrap();
        moving
    }

    /// The second record of the delete is dropped.
    pub fn collect_the_twin(&mut self) -> Result<(), Violation> {
        self.run.collect(0, "k", 0, 20)
    }

    /// Node 3 is gone; another one has a record of it, which it says or does not.
    pub fn before_a_cut(has_more: bool) -> Self {
        let mut moving = Self::new();
        let op = moving.run.put(3, "k", 3, 10);
        if has_more {
            moving.run.replicate(op, 0).unwrap();
        }
        moving.record = Some(op);
        moving.adopt(&Change::Remove { node: NodeId(3), how: Departure::Cut }).unwrap();
        moving
    }

    /// It is cut off before its record.
    pub fn cut(&mut self) -> Result<(), Violation> {
        self.adopt(&Change::Cut { actor: ActorId(3), upto: Hlc::ZERO, beyond: BTreeMap::new() })
    }

    /// Its record comes later.
    pub fn apply_above_cut(&mut self) -> Result<(), Violation> {
        self.run.replicate(self.record.expect("made before"), 0)
    }

    /// Node 3, which is gone, writes on.
    pub fn write_at_the_lost(&mut self, hlc: u64) -> Result<(), Violation> {
        let op = self.run.begin_put(2, "later");
        self.run.try_apply_put(op, 3, hlc)
    }

    /// A node that is there names a stable time.
    pub fn name_stable(&mut self, hlc: u64) -> Result<(), Violation> {
        self.run.happened(0, Event::Stable(Hlc(hlc)))
    }

    fn adopt(&mut self, change: &Change) -> Result<(), Violation> {
        let config = Arc::new(self.config().changed(change).expect("it fits"));
        self.configs.push(config.clone());
        (0..3).try_for_each(|node| self.run.happened(node, Event::Adopted(config.clone())))
    }

    fn new() -> Self {
        let first = Arc::new(founded());
        let mut run = Litmus::new();
        run.judge = Judge::new(&first, 4, TokenKeys::default());
        Self { run, configs: vec![first], record: None }
    }

    /// The first config.
    pub fn first(&self) -> Arc<Config> {
        self.configs[0].clone()
    }

    /// The newest config.
    pub fn config(&self) -> Arc<Config> {
        self.configs[self.configs.len() - 1].clone()
    }

    /// The config before the newest.
    pub fn begun(&self) -> Arc<Config> {
        self.configs[self.configs.len() - 2].clone()
    }

    /// Every new owner says that it has the base, and has the record.
    pub fn copy_everywhere(&mut self) {
        for node in 0..self.takers().len() {
            if let Some(op) = self.record {
                let taker = self.takers()[node].0;
                self.run.install(taker, &moved_key(), &[op]).unwrap();
            }
            self.copied(node).unwrap();
        }
    }

    /// One of the new owners says that it has the base.
    pub fn copied(&mut self, place: usize) -> Result<(), Violation> {
        let begun = self.config().migration().expect("slots move").begun;
        let taker = self.takers()[place % self.takers().len()].0;
        self.run.happened(taker, Event::Copied(begun))
    }

    /// The move is finished.
    pub fn finish(&mut self) -> Result<(), Violation> {
        let finished = Arc::new(self.config().changed(&Change::Finish).expect("it was switched"));
        self.run.happened(0, Event::Adopted(finished))
    }

    fn takers(&self) -> Vec<NodeId> {
        self.config().replicas(ShardId(1)).map(|actor| actor.node).collect()
    }

    fn adopt_until(&mut self, is_there: impl Fn(&Config) -> bool) {
        for config in steps(is_there) {
            for node in 0..4 {
                self.run.happened(node, Event::Adopted(config.clone())).unwrap();
                self.run.happened(node, Event::TakesWrites).unwrap();
            }
            self.configs.push(config);
        }
    }
}

fn founded() -> Config {
    let view = (0..4).map(|i| format!("10.0.0.{i}:8090")).collect();
    Config::found(&Founding { view, shard_count: 1 }).expect("a legal founding")
}

/// The configs after the first, up to where somebody wants to be.
fn steps(is_there: impl Fn(&Config) -> bool) -> Vec<Arc<Config>> {
    let live: BTreeSet<NodeId> = (0..4).map(NodeId).collect();
    let mut configs = vec![Arc::new(founded().changed(&Change::Reshard { shards: 2, gone: Vec::new() }).expect("it fits"))];
    while let Some(config) = configs.last().filter(|config| !is_there(config)).cloned() {
        let copied = config.migration().map(|migration| migration.begun);
        let said = Progress { epoch: config.epoch(), serves: true, copied, sealed: config.epoch(), ..Progress::default() };
        let progress = config.actors().map(|actor| (actor.actor, said.clone())).collect();
        let change = next(&config, &live, &progress).expect("a step is due");
        configs.push(Arc::new(config.changed(&change).expect("it fits")));
    }
    configs
}

/// A key that goes to the second shard.
fn moved_key() -> String {
    let end = steps(|config| config.migration().is_some_and(|migration| migration.switched.is_some()));
    let config = &end[end.len() - 1];
    (0..).map(|number| format!("k{number}")).find(|key| config.shard_of(key) == ShardId(1)).expect("half of all keys")
}

/// An actor that leaves on the way.
fn moved_writer() -> ActorId {
    let end = steps(|config| config.migration().is_some());
    let config = &end[end.len() - 1];
    (0..4).map(ActorId).find(|actor| config.actor(*actor).is_none()).expect("two nodes change their shard")
}
