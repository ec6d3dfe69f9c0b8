//! How far an actor counts that is cut off while slots of its shard are on the move.

use std::collections::BTreeMap;

use causeway::{
    clock::Hlc,
    id::{ActorId, NodeId, ShardId, Slot},
    placement::{Change, Config, Departure, Progress, SLOTS, Standing, next},
};

use crate::found;

const GONE: ActorId = ActorId(0);
const FROM: ShardId = ShardId(0);
const TO: ShardId = ShardId(2);

/// Six nodes in two shards of which s0 gives slots to s2, as the replicas tell it.
struct Moving {
    config: Config,
    progress: BTreeMap<ActorId, Progress>,
}

impl Moving {
    fn begun() -> Self {
        let mut moving = Self { config: found(6, 2), progress: BTreeMap::new() };
        moving.change(&Change::Reshard { shards: 3, gone: Vec::new() });
        // Nodes regroup first: everybody has what it needs at once.
        while moving.config.migration().is_none() {
            moving.say_all(7);
            let base = moving.config.actors().find(|actor| !actor.holds_base).map(|actor| Change::HasBase { actor: actor.actor });
            let due = base.or_else(|| moving.due()).expect("slots begin to move in the end");
            moving.change(&due);
        }
        moving
    }

    fn switched() -> Self {
        let mut moving = Self::begun();
        moving.say_all(7);
        assert_eq!(moving.due(), Some(Change::Switch));
        moving.change(&Change::Switch);
        moving
    }

    fn change(&mut self, change: &Change) {
        self.config = self.config.changed(change).unwrap_or_else(|why| panic!("{change}: {why}"));
    }

    fn due(&self) -> Option<Change> {
        let live = self.config.members().iter().map(|member| member.node).collect();
        next(&self.config, &live, &self.progress)
    }

    /// Everybody has done everything, and holds so much of each actor.
    fn say_all(&mut self, held: u64) {
        let actors: Vec<ActorId> = self.config.actors().map(|actor| actor.actor).collect();
        actors.iter().for_each(|actor| self.say(*actor, held));
    }

    fn say(&mut self, actor: ActorId, held: u64) {
        let held = self.config.actors().map(|actor| (actor.actor, Hlc(held))).collect();
        let copied = self.config.migration().map(|migration| migration.begun);
        let epoch = self.config.epoch();
        let progress = Progress { epoch, serves: true, copied, sealed: epoch, held, ..Progress::default() };
        self.progress.insert(actor, progress);
    }

    fn lose(&mut self) {
        self.change(&Change::Remove { node: NodeId(0), how: Departure::Cut });
    }

    /// The takers have more of the lost actor than its own shard.
    fn lose_with_takers_ahead(&mut self) {
        self.lose();
        self.say_all(7);
        self.takers().into_iter().for_each(|taker| self.say(taker, 9));
    }

    fn takers(&self) -> Vec<ActorId> {
        self.config.replicas(TO).map(|actor| actor.actor).collect()
    }

    fn cut(&self) -> Change {
        self.due().expect("everybody has said how far it has the actor")
    }
}

#[test]
fn before_the_hand_over_only_the_actors_own_shard_is_asked() {
    let mut moving = Moving::begun();
    moving.lose_with_takers_ahead();
    assert_eq!(moving.cut(), Change::Cut { actor: GONE, upto: Hlc(7), beyond: BTreeMap::new() });
    moving.change(&moving.cut());
    assert_eq!(moving.config.cut_in(GONE, TO), Some(Hlc(7)));
}

/// A record of the lost actor that lies in another shard counted there: what that shard gives, it gives whole.
#[test]
fn a_record_is_bounded_by_the_shard_that_its_slot_comes_from() {
    let mut moving = Moving::begun();
    moving.lose_with_takers_ahead();
    moving.change(&moving.cut());
    let config = &moving.config;
    let slot_from = |shard: ShardId| {
        let one = config.migration()?.into_shard(TO).find(|one| one.from == shard)?;
        (0..SLOTS).map(Slot).find(|slot| one.slots.contains(*slot))
    };
    let [own, other] = [FROM, ShardId(1)].map(|shard| slot_from(shard).expect("both shards give"));
    assert_eq!(config.cut_of_slot(GONE, TO, own), Some(Hlc(7)));
    assert_eq!(config.cut_of_slot(GONE, TO, other), None);
    assert_eq!(config.cut_of_slot(GONE, FROM, own), Some(Hlc(7)), "where nothing comes to");
}

#[test]
fn what_was_handed_over_counts_as_far_as_its_takers_have_it() {
    let mut moving = Moving::switched();
    moving.lose();
    moving.say_all(7);
    let taker = moving.takers()[0];
    moving.say(taker, 9);
    assert_eq!(moving.cut(), Change::Cut { actor: GONE, upto: Hlc(7), beyond: BTreeMap::from([(TO, Hlc(9))]) });
    moving.change(&moving.cut());
    assert_eq!(moving.config.cut_in(GONE, FROM), Some(Hlc(7)));
    assert_eq!(moving.config.cut_in(GONE, TO), Some(Hlc(9)));
    assert_eq!(moving.config.cut_of(GONE), Some(Hlc(7)));

    // A taker that had more may be the one that goes now.
    moving.change(&Change::Evict { node: moving.config.actor(taker).expect("it serves").node });
    let standing = moving.config.actor(GONE).expect("slots still move").standing;
    assert!(matches!(standing, Standing::Frozen { .. }), "asked anew: {standing:?}");
    assert_eq!(moving.config.cut_in(GONE, TO), None);
    moving.say_all(8);
    assert_eq!(moving.cut(), Change::Cut { actor: GONE, upto: Hlc(8), beyond: BTreeMap::new() });
}

#[test]
fn the_end_of_a_move_leaves_the_cut_as_it_is() {
    let mut moving = Moving::switched();
    moving.lose_with_takers_ahead();
    moving.change(&moving.cut());
    moving.say_all(9);
    assert_eq!(moving.due(), Some(Change::Finish));
    moving.change(&Change::Finish);
    assert_eq!(moving.config.cut_of(GONE), Some(Hlc(7)));
}

#[test]
fn slots_are_handed_over_to_who_has_said_in_this_epoch_that_it_has_them() {
    let mut moving = Moving::begun();
    moving.say_all(7);
    moving.lose();
    moving.say_all(7);
    moving.change(&moving.cut());
    // What was said before the cut may be void, and nobody else is up.
    for taker in moving.takers() {
        let said = moving.progress.get_mut(&taker).expect("it has said something");
        said.epoch.number -= 1;
    }
    assert_ne!(moving.due(), Some(Change::Switch));
    let nobody = next(&moving.config, &[NodeId(1)].into(), &moving.progress);
    assert_ne!(nobody, Some(Change::Switch), "all who get the slots are down");
    moving.say_all(7);
    assert_eq!(moving.due(), Some(Change::Switch));
}
