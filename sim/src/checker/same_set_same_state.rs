//! Two replicas that have applied the same records of a key have the same winner: the largest stamp, where two records of one
//! operation are one write with the smaller stamp.
//!
//! Source: strong convergence of Shapiro, Preguica, Baquero, Zawirski, 'Conflict-free Replicated Data Types', SSS 2011. Judged at
//! every event and against the checker's own computation, which is stronger than comparing replicas when they happen to agree.
//!
//! Why no stronger: contents that come with a snapshot are not judged by set, only by
//! [stamps never go back](super::stamps_never_go_back): a snapshot does not say which superseded records it stands for.

use causeway::{
    id::NodeId,
    store::{Order, Write},
};

use super::{Property, Replicas, Violation};

/// Judges the winner that a replica reports with a record, once the record is noted as applied there.
pub fn check(replicas: &Replicas, node: NodeId, write: &Write, winner: Order) -> Result<(), Violation> {
    let by_set = replicas.winner_by_set(node, &write.key).max(replicas.last_winner(node, &write.key));
    if by_set == Some(winner) {
        return Ok(());
    }
    let must = by_set.map_or_else(|| "nothing".to_owned(), |order| order.to_string());
    let evidence = format!("at {node} after {write} the winner is {winner}, and by what it has applied it must be {must}");
    Err(Property::SameSetSameState.violated(evidence).record(write.dot).on(&write.key))
}

#[cfg(test)]
mod tests {
    use causeway::{
        clock::{Dot, Hlc},
        id::ActorId,
    };

    use super::*;
    use crate::checker::litmus::{Litmus, Moving, blame};

    #[test]
    fn the_last_to_arrive_must_not_win() {
        let mut run = Litmus::new();
        let small = run.put(0, "x", 0, 10);
        let large = run.put(1, "x", 1, 20);
        run.replicate(large, 2).unwrap();
        assert_eq!(blame(run.replicate(small, 2)), None);
        let smaller = run.put(3, "x", 0, 11);
        run.replicate(large, 0).unwrap();
        assert_eq!(blame(run.replicate_with_winner(smaller, 1, 0, 11)), Some(Property::StampsNeverGoBack));
        assert_eq!(blame(run.replicate_with_winner(smaller, 2, 2, 99)), Some(Property::SameSetSameState));
    }

    #[test]
    fn two_records_of_one_operation_are_one_write_with_the_smaller_stamp() {
        let mut run = Litmus::new();
        let twice = run.begin_named_put(0, "x");
        run.apply_put(twice, 1, 30);
        run.replicate(twice, 2).unwrap();
        run.put(1, "x", 2, 20);
        run.retry(twice);
        run.apply_put(twice, 0, 10);
        assert_eq!(blame(run.replicate_with_winner(twice, 2, 1, 30)), Some(Property::SameSetSameState));
    }
    #[test]
    fn a_twin_that_somebody_still_holds_keeps_its_place() {
        let mut run = Litmus::new();
        let twice = run.begin_named_put(0, "x");
        run.apply_put(twice, 0, 10);
        run.replicate(twice, 1).unwrap();
        run.retry(twice);
        run.apply_put(twice, 2, 20);
        run.judge.may_lose(NodeId(1));
        run.judge.destroy(NodeId(0));
        let second = Dot { actor: ActorId(2), hlc: Hlc(20) };
        assert_eq!(run.judge.replicas().place(second).hlc, Hlc(10));
    }

    #[test]
    fn what_nobody_has_any_more_does_not_come_with_the_base() {
        for is_lost in [false, true] {
            let mut run = if is_lost { Moving::after_a_loss() } else { Moving::after_a_retirement() };
            run.copy_everywhere();
            let expected = (!is_lost).then_some(Property::StampsNeverGoBack);
            assert_eq!(blame(run.apply_older_at_a_taker()), expected, "lost: {is_lost}");
        }
    }
}
