//! A write with write concern `n` is answered only once `n` replicas of its shard hold it, the one that took it included.
//!
//! Source: contract, 'Write-Concern'.
//!
//! Why no stronger: who held it and has lost its disk since counts, and so does who needs it no more. A replica that says 'applied'
//! has it on its disk by its fsync policy: whether that is true shows at its next start ([durability](super::durability)). Of a
//! write whose record nobody reported nothing is asked.

use std::collections::BTreeSet;

use causeway::id::NodeId;

use super::{Property, Replicas, Violation};
use crate::history::Operation;

/// Judges a write when it is acknowledged.
pub fn check(replicas: &Replicas, operation: &Operation) -> Result<(), Violation> {
    if !operation.outcome.is_acknowledged() || operation.dots.is_empty() {
        return Ok(());
    }
    let dots = operation.dots.iter();
    let members = dots.flat_map(|dot| replicas.of_actor(dot.actor).map(move |(node, _)| (node, *dot)));
    let holds = |(node, dot): &(NodeId, _)| replicas.ever_had(*node, *dot) || replicas.is_superseded(*node, *dot);
    let mut holders = BTreeSet::new();
    for (node, _) in members.filter(holds) {
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
