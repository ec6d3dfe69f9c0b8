//! I9. When a node names a stable time `h`, every record with an hlc up to `h` is applied at every replica of its shard, or
//! superseded there; and none appears later.
//!
//! Source: invariant I9; the global stable time of Akkoorath et al., 'Cure: Strong Semantics Meets High Availability and Low
//! Latency', ICDCS 2016. Tokens fold to it, dependencies and tombstones go below it: a stable time that is too high shows
//! elsewhere only when somebody misses what was dropped.
//!
//! Why no stronger: a replica that lost something is left out until it has caught up, and so is one whose actor is being cut off, by the
//! config of the node that names the time. A new owner to which slots were handed over in a later config does not count in the earlier
//! one: it may wait for what the old owner accepted. Whether what is applied is durable is not
//! seen here but at the replica's next start, by [durability](super::durability).

use causeway::{
    clock::{Dot, Hlc},
    id::NodeId,
};

use super::{Property, Replica, Replicas, Violation};

/// Judges a stable time when a node names it, before that is noted.
pub fn check(replicas: &Replicas, node: NodeId, stable: Hlc) -> Result<(), Violation> {
    let Some(namer) = replicas.get(node) else { return Ok(()) };
    for writer in replicas.writers() {
        for (dot, known) in replicas.records_between(writer, replicas.stable(), stable) {
            let owner = namer.config.shard_of(&known.key);
            let counts = |replica: &Replica| !replica.is_behind() && namer.waits_for(replica.actor);
            let must = |replica: &Replica| counts(replica) && replica.must_hold_stable(dot, known);
            // Few lack anything: so that is asked first.
            let lacks = |member: NodeId| !replicas.has(member, dot) && !replicas.is_superseded(member, dot);
            let mut of_owner = replicas.iter().filter(|(_, replica)| replica.shard == owner);
            let behind = of_owner.find(|(member, replica)| lacks(*member) && must(replica));
            if let Some((member, _)) = behind {
                let evidence = format!("{node} names {stable}, and {member} has not applied {dot} ({})", known.key);
                return Err(Property::StableIsEverywhere.violated(evidence));
            }
        }
    }
    Ok(())
}

/// Judges a record when it is first seen.
pub fn check_new_record(replicas: &Replicas, dot: Dot) -> Result<(), Violation> {
    // Who was cut off and does not know goes on writing what counts nowhere.
    if dot.hlc > replicas.stable() || !replicas.is_within_cut(dot) {
        return Ok(());
    }
    let evidence = format!("{dot} appears, and the stable time was {} before", replicas.stable());
    Err(Property::StableIsEverywhere.violated(evidence))
}

#[cfg(test)]
mod tests {
    use causeway::node::Event;

    use super::*;
    use crate::checker::litmus::{Litmus, Moving, blame};

    fn stable(run: &mut Litmus, hlc: u64) -> Option<Property> {
        blame(run.happened(0, Event::Stable(Hlc(hlc))))
    }

    #[test]
    fn a_stable_time_above_what_some_replica_lacks() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        run.replicate(op, 1).unwrap();
        assert_eq!(stable(&mut run, 9), None);
        assert_eq!(stable(&mut run, 10), Some(Property::StableIsEverywhere), "replica 2 lacks it");
        run.replicate(op, 2).unwrap();
        assert_eq!(stable(&mut run, 10), None);
    }

    #[test]
    fn what_is_superseded_lacks_nowhere() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let new = run.put(1, "x", 1, 20);
        for (op, node) in [(old, 1), (new, 0), (new, 2)] {
            run.replicate(op, node).unwrap();
        }
        assert_eq!(stable(&mut run, 20), None);
    }

    #[test]
    fn a_record_that_appears_below_the_stable_time() {
        let mut run = Litmus::new();
        assert_eq!(stable(&mut run, 20), None);
        let late = run.begin_put(0, "x");
        assert_eq!(blame(run.try_apply_put(late, 0, 20)), Some(Property::StableIsEverywhere));
    }

    #[test]
    fn who_was_cut_off_and_does_not_know_may_write_below_it() {
        for is_cut in [false, true] {
            let mut run = Moving::before_a_cut(false);
            if is_cut {
                run.cut().unwrap();
            }
            run.name_stable(9).unwrap();
            let expected = (!is_cut).then_some(Property::StableIsEverywhere);
            assert_eq!(blame(run.write_at_the_lost(9)), expected, "cut off: {is_cut}");
        }
    }

    #[test]
    fn who_lost_its_disk_is_left_out() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        run.replicate(op, 1).unwrap();
        run.judge.may_lose(NodeId(2));
        assert_eq!(stable(&mut run, 10), None);
    }
}
