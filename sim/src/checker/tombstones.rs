//! I21. A replica drops a tombstone only when it is the winner there, and when every replica of the shard has applied every
//! record of the key that is older, or has something newer.
//!
//! Source: invariant I21; deletes that came back after a repair in other stores, because a clock said that it was time.
//!
//! Why no stronger: a replica that lost its disk is left out. It serves nothing until it has caught up with the others, and
//! what they collected cannot come from them.

use causeway::{
    id::NodeId,
    store::{Key, Order},
};

use super::{Property, Replicas, Violation};

/// Judges a tombstone when a replica drops it, before that is noted.
pub fn check(replicas: &Replicas, node: NodeId, key: &Key, order: Order) -> Result<(), Violation> {
    let violated = |evidence: String| Err(Property::NothingReturnsFromTheDead.violated(evidence));
    if replicas.last_winner(node, key).is_some_and(|winner| winner != order) {
        return violated(format!("{node} drops the tombstone {order} of {key}, which is not its winner"));
    }
    for (dot, _) in replicas.records_of(key).filter(|(dot, _)| replicas.place(*dot) <= order) {
        let lacking = replicas.of_actor(dot.actor).find(|(member, replica)| {
            !replica.is_behind() && !replicas.has(*member, dot) && !replicas.is_superseded(*member, dot)
        });
        if let Some((member, _)) = lacking {
            return violated(format!("{node} drops the tombstone {order} of {key}, and {member} has not applied {dot}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_tombstone_dropped_while_something_older_is_on_its_way() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let gone = run.delete(1, "x", 1, 20);
        run.replicate(gone, 0).unwrap();
        run.replicate(gone, 2).unwrap();
        run.replicate(old, 1).unwrap();
        assert_eq!(blame(run.collect(0, "x", 1, 20)), None, "replica 2 has the tombstone, which is newer than what it lacks");
        let newer = run.delete(0, "x", 0, 30);
        assert_eq!(blame(run.collect(0, "x", 0, 30)), Some(Property::NothingReturnsFromTheDead));
        run.replicate(newer, 1).unwrap();
        assert_eq!(blame(run.collect(2, "x", 0, 30)), Some(Property::NothingReturnsFromTheDead), "it is not the winner there");
    }

    #[test]
    fn a_replica_that_lost_its_disk_does_not_hold_tombstones() {
        let mut run = Litmus::new();
        let gone = run.delete(0, "x", 0, 10);
        run.replicate(gone, 1).unwrap();
        run.replicate(gone, 2).unwrap();
        run.promise(2, 0, 10).unwrap();
        run.judge.may_lose(NodeId(2));
        run.recover(2, 1, 0).unwrap();
        assert_eq!(blame(run.collect(0, "x", 0, 10)), None);
    }
}
