//! I28. Where an actor was cut off, no replica of its shard has a record of it above the cut, and none applies one. Nor does a replica
//! of a shard that gets slots from it, by the cut that counts there: what it had beyond, it has forgotten.
//!
//! Source: invariant I28; a transfer that was given up, and left records that nobody else could ever get (seed 1000397). What some have
//! above a cut differs for ever.
//!
//! Why no stronger: the node whose actor was cut off has more, until it hears of it. So may who is cut off or takes another actor:
//! what those hold is void, or asked for anew.

use causeway::{
    clock::{Dot, Hlc},
    id::NodeId,
    placement::{Config, Standing, slot_of},
    store::Key,
};

use super::{Property, Replicas, Violation};

/// Judges what a node has when it adopts a config, before that is noted.
pub fn check_adopted(replicas: &Replicas, node: NodeId, config: &Config) -> Result<(), Violation> {
    let (Some(replica), Some(seat)) = (replicas.get(node), config.seat(node)) else { return Ok(()) };
    if replica.actor != seat.actor || !seat.standing.speaks() {
        return Ok(());
    }
    for actor in config.writers_of(seat.shard).filter(|actor| actor.node != node) {
        let Standing::Cut { upto, .. } = actor.standing else { continue };
        let mut above = replicas.records_between(actor.actor, upto, Hlc(u64::MAX)).map(|(dot, _)| dot);
        if let Some(dot) = above.find(|dot| replicas.has_itself(node, *dot)) {
            return Err(violation(node, dot, upto));
        }
    }
    Ok(())
}

/// Judges a record that a node applies or takes over.
pub fn check_applied(replicas: &Replicas, node: NodeId, key: &Key, dot: Dot) -> Result<(), Violation> {
    let Some(replica) = replicas.get(node) else { return Ok(()) };
    let writer = replica.config.actor(dot.actor).map(|actor| actor.node);
    match replica.config.cut_of_slot(dot.actor, replica.shard, slot_of(key)) {
        Some(upto) if writer != Some(node) && dot.hlc > upto => Err(violation(node, dot, upto)),
        _ => Ok(()),
    }
}

fn violation(node: NodeId, dot: Dot, upto: Hlc) -> Violation {
    Property::CutHolds.violated(format!("{node} has {dot}, whose actor was cut off at {upto}")).at(node).record(dot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Moving, blame};

    #[test]
    fn a_record_above_the_cut_of_its_actor() {
        for (has_more, blamed) in [(false, None), (true, Some(Property::CutHolds))] {
            let mut run = Moving::before_a_cut(has_more);
            assert_eq!(blame(run.cut()), blamed, "has more: {has_more}");
        }
        let mut run = Moving::before_a_cut(false);
        run.cut().unwrap();
        assert_eq!(blame(run.apply_above_cut()), Some(Property::CutHolds));
    }
}
