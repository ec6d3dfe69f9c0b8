//! Configs that have everything that a config can have.

use std::collections::BTreeMap;

use causeway::{
    id::{ActorId, NodeId, ShardId},
    placement::{Change, Config, Departure, Founding},
};

use crate::values::hlc;

/// The first config of six nodes in two shards.
pub fn founded() -> Config {
    let view = (1..=6).map(|node| format!("10.10.0.{node}:8090")).collect();
    Config::found(&Founding { view, shard_count: 2 }).expect("six nodes, two shards")
}

/// Actors in every standing, one that is retired with its cut, a node that is out and one that returns, and slots on the move.
pub fn copying() -> Config {
    let changes = [
        Change::Evict { node: NodeId(0) },
        Change::Cut { actor: ActorId(0), upto: hlc(3), beyond: BTreeMap::new() },
        Change::Retire { actor: ActorId(0) },
        Change::Join { node: NodeId(0), shard: ShardId(0) },
        Change::Introduce { address: "node-7.example:65535".to_owned() },
        Change::Reshard { shards: 3, gone: Vec::new() },
        Change::Join { node: NodeId(6), shard: ShardId(2) },
        Change::Begin,
        Change::Leave { node: NodeId(1) },
        Change::Evict { node: NodeId(3) },
    ];
    changed(founded(), &changes)
}

/// The same after the hand-over, in a later generation, with a cut that counts further in what was handed over.
pub fn switched() -> Config {
    let changes = [
        Change::HasBase { actor: ActorId(6) },
        Change::Switch,
        Change::Remove { node: NodeId(2), how: Departure::Cut },
        Change::Cut { actor: ActorId(2), upto: hlc(5), beyond: BTreeMap::from([(ShardId(2), hlc(9))]) },
        Change::Replace { node: NodeId(4) },
    ];
    changed(copying(), &changes).regenerated(300)
}

fn changed(config: Config, changes: &[Change]) -> Config {
    changes.iter().fold(config, |config, change| config.changed(change).unwrap_or_else(|why| panic!("{change}: {why}")))
}

#[test]
fn the_configs_have_all_that_a_config_can_have() {
    use causeway::placement::Standing;
    let config = switched();
    let has = |is: fn(Standing) -> bool| config.actors().any(|actor| is(actor.standing));
    assert!(has(|standing| standing == Standing::Serving) && has(|standing| matches!(standing, Standing::Leaving { .. })));
    assert!(has(|standing| matches!(standing, Standing::Frozen { .. })) && copying().parent().is_some());
    let migration = config.migration().expect("slots are on the move");
    assert!(migration.switched.is_some() && migration.moves.iter().any(|one| !one.former.is_empty()));
    assert!(config.cut_of(ActorId(0)).is_some() && config.goal().is_some() && founded().parent().is_none());
    assert!(config.members().iter().any(|member| member.removed) && config.members().iter().any(|member| member.home.is_some()));
}
