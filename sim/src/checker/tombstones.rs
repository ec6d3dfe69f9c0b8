//! I21. A replica drops a tombstone only when it is the winner there, and when no older record of the key can arrive anywhere: every
//! replica of the shard has applied each of them, has promised that it needs none of their actor up to there, or holds something
//! newer than the tombstone.
//!
//! Source: invariant I21; deletes that came back after a repair in other stores, because a clock said that it was time.
//!
//! Why no stronger: another replica that lost its disk is left out. What it gets again comes from those who collected, and it keeps
//! its own tombstones until it has caught up.

use causeway::{
    id::NodeId,
    store::{Key, Order},
};

use super::{Property, Replica, Replicas, Violation};

/// Judges a tombstone when a replica drops it, before that is noted.
pub fn check(replicas: &Replicas, node: NodeId, key: &Key, order: Order) -> Result<(), Violation> {
    let violated = |evidence: String| Err(Property::NothingReturnsFromTheDead.violated(evidence).on(key));
    if replicas.last_winner(node, key).is_some_and(|winner| winner != order) {
        return violated(format!("{node} drops the tombstone {order} of {key}, which is not its winner"));
    }
    let dropper = replicas.get(node);
    for (dot, known) in replicas.records_of(key).filter(|(dot, _)| !replicas.is_lost(*dot) && replicas.place(*dot) <= order) {
        let may_come = |(member, replica): &(NodeId, &Replica)| {
            dropper.is_none_or(|dropper| dropper.waits_for(replica.actor))
                && replica.must_hold_stable(dot, known)
                && (*member == node || !replica.is_behind())
                && !replicas.has(*member, dot)
                && !replica.promised.contains(dot)
                && replicas.last_winner(*member, key) <= Some(order)
        };
        if let Some((member, _)) = replicas.iter().find(may_come) {
            return violated(format!("{node} drops the tombstone {order} of {key}, and {member} has not applied {dot}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, Moving, blame};

    #[test]
    fn a_tombstone_dropped_while_something_older_is_on_its_way() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let gone = run.delete(1, "x", 1, 20);
        for (op, node) in [(gone, 0), (gone, 2), (old, 1)] {
            run.replicate(op, node).unwrap();
        }
        assert_eq!(blame(run.collect(0, "x", 1, 20)), Some(Property::NothingReturnsFromTheDead), "replica 2 may yet get the put");
        run.replicate(old, 2).unwrap();
        assert_eq!(blame(run.collect(0, "x", 1, 20)), None);
        run.delete(0, "x", 0, 30);
        assert_eq!(blame(run.collect(2, "x", 0, 30)), Some(Property::NothingReturnsFromTheDead), "it is not the winner there");
    }

    #[test]
    fn who_lost_its_disk_keeps_tombstones_until_it_has_caught_up() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let gone = run.delete(1, "x", 1, 20);
        for (op, node) in [(old, 1), (gone, 0), (old, 2), (gone, 2)] {
            run.replicate(op, node).unwrap();
        }
        run.promise(2, 0, 10).unwrap();
        run.judge.may_lose(NodeId(2));
        run.recover(2, 1, 0).unwrap();
        run.replicate(gone, 2).unwrap();
        assert_eq!(blame(run.collect(2, "x", 1, 20)), Some(Property::NothingReturnsFromTheDead));
        run.replicate(old, 2).unwrap();
        assert_eq!(blame(run.collect(2, "x", 1, 20)), None);
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
    #[test]
    fn a_delete_whose_first_record_was_cut_off_is_dropped_in_the_second_s_place() {
        let mut run = Moving::before_a_cut_of_a_twin();
        assert_eq!(blame(run.collect_the_twin()), Some(Property::NothingReturnsFromTheDead), "its place is the first's yet");
        run.cut().unwrap();
        assert_eq!(blame(run.collect_the_twin()), None);
    }
}
