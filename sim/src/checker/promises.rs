//! I7. When replica `r` says that it has applied actor `a` up to `h`, every record of `a` with an hlc up to `h` that exists
//! anywhere is applied at `r`, or superseded there. I5. A record never appears at or below what its actor was promised to have
//! finished: the promise was made for all time.
//!
//! Source: invariants I5 and I7. Reads wait for these promises and for nothing else, so a promise that runs ahead of its data is
//! a stale read that has not happened yet.
//!
//! Why no stronger: a record exists, for this check, from the moment at which some replica has applied it. One that lies
//! unsent in its origin's log alone may be promised away; it is caught when it appears.

use causeway::{
    clock::{Dot, Hlc},
    id::{ActorId, NodeId},
};

use super::{Known, Property, Replica, Replicas, Violation};

/// Judges a promise when a replica takes it, before it is noted.
pub fn check_promise(replicas: &Replicas, node: NodeId, actor: ActorId, upto: Hlc) -> Result<(), Violation> {
    let Some(replica) = replicas.get(node) else { return Ok(()) };
    let missing = replicas
        .records_between(actor, replica.promised.get(actor), upto)
        .filter(|(dot, known)| replica.must_hold(*dot, known))
        .find(|(dot, _)| !replicas.has(node, *dot) && !replicas.is_superseded(node, *dot));
    let is_replica = || replicas.of_actor(actor).any(|(member, _)| member == node);
    match missing.filter(|_| is_replica()) {
        None => Ok(()),
        Some((dot, known)) => {
            let evidence = format!("{node} has promised {actor} up to {upto} and lacks {dot} ({})", known.key);
            Err(Property::PromisesAreKept.violated(evidence).record(dot).on(&known.key))
        }
    }
}

/// Judges a record when it is first seen.
pub fn check_new_record(replicas: &Replicas, dot: Dot, known: &Known) -> Result<(), Violation> {
    // What a damaged node's own log still shows counts as its own, and nobody has heard of it before.
    let is_remains = |replica: &Replica| replica.is_damaged && replica.actor == dot.actor;
    let promised_away =
        |replica: &Replica| replica.promised.contains(dot) && !replica.recovered.contains(dot) && !is_remains(replica);
    let promised = replicas.iter().find(|(_, replica)| promised_away(replica) && replica.must_hold(dot, known));
    match promised {
        None => Ok(()),
        Some((node, replica)) => {
            let upto = replica.promised.get(dot.actor);
            let evidence = format!("{dot} appears, and {node} was promised all of {} up to {upto}", dot.actor);
            Err(Property::NothingBelowAPromise.violated(evidence).record(dot).at(node))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_promise_ahead_of_its_data() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        assert_eq!(blame(run.promise(1, 0, 9)), None);
        assert_eq!(blame(run.promise(1, 0, 10)), Some(Property::PromisesAreKept));
        run.replicate(op, 1).unwrap();
        assert_eq!(blame(run.promise(1, 0, 10)), None);
    }

    #[test]
    fn what_a_snapshot_superseded_need_not_be_applied() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        let newer = run.put(1, "x", 1, 11);
        run.install(2, "x", &[newer]).unwrap();
        assert_eq!(blame(run.promise(2, 0, 10)), None);
    }

    #[test]
    fn a_record_below_a_promise() {
        let mut run = Litmus::new();
        run.promise(2, 0, 10).unwrap();
        let late = run.begin_put(0, "x");
        assert_eq!(blame(run.try_apply_put(late, 0, 10)), Some(Property::NothingBelowAPromise));
        let on_time = run.begin_put(1, "x");
        assert_eq!(blame(run.try_apply_put(on_time, 0, 11)), None);
    }
}
