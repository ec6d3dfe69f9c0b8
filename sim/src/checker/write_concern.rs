//! A write with write concern `n` is answered only once `n` replicas of its shard hold it, the one that took it included.
//!
//! Source: contract, 'Write-Concern'.
//!
//! Why no stronger: who held it and has lost its disk since counts, and so does who needs it no more. A replica that says 'applied'
//! has it on its disk by its fsync policy: whether that is true shows at its next start ([durability](super::durability)). Of a
//! write whose record nobody reported nothing is asked.

use std::collections::BTreeSet;

use causeway::{clock::Dot, id::NodeId};

use super::{Known, Property, Replica, Replicas, Violation};
use crate::history::Operation;

/// Judges a write when it is acknowledged.
pub fn check(replicas: &Replicas, operation: &Operation) -> Result<(), Violation> {
    if !operation.outcome.is_acknowledged() || operation.dots.is_empty() {
        return Ok(());
    }
    let dots = operation.dots.iter();
    let known = dots.filter_map(|dot| Some((*dot, replicas.record(*dot)?)));
    let pairs = known.flat_map(|(dot, known)| replicas.iter().map(move |(node, replica)| (node, replica, dot, known)));
    let holds = |(node, replica, dot, known): &(NodeId, &Replica, Dot, &Known)| {
        let needs_no_more = replica.must_hold(*dot, known) && replicas.is_superseded(*node, *dot);
        !replica.is_learner_of(known) && (replicas.ever_had(*node, *dot) || needs_no_more)
    };
    let mut holders = BTreeSet::new();
    for (node, ..) in pairs.filter(holds) {
        holders.insert(node);
        if holders.len() >= usize::from(operation.concern) {
            return Ok(());
        }
    }
    let evidence = format!("answered with {} of {} replicas holding it: {operation}", holders.len(), operation.concern);
    Err(Property::WriteConcernIsMet.violated(evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checker::litmus::{Litmus, blame},
        history::Outcome,
    };

    #[test]
    fn a_write_for_two_that_one_holds() {
        let mut run = Litmus::new();
        let op = run.begin_put(0, "x");
        run.judge.require(op, 2);
        run.apply_put(op, 0, 10);
        assert_eq!(blame(run.answer(op, Outcome::Created)), Some(Property::WriteConcernIsMet));
    }

    #[test]
    fn a_write_for_two_that_two_hold_or_held() {
        let mut run = Litmus::new();
        let op = run.begin_put(0, "x");
        run.judge.require(op, 2);
        run.apply_put(op, 0, 10);
        run.replicate(op, 1).unwrap();
        run.judge.may_lose(NodeId(1));
        run.recover(1, 1, 0).unwrap();
        assert_eq!(blame(run.answer(op, Outcome::Created)), None);
    }

    #[test]
    fn a_write_whose_place_something_newer_took_needs_no_second_holder() {
        let mut run = Litmus::new();
        let op = run.begin_put(0, "x");
        run.judge.require(op, 2);
        run.apply_put(op, 0, 10);
        run.put(1, "x", 1, 20);
        assert_eq!(blame(run.answer(op, Outcome::Created)), None);
    }
}
