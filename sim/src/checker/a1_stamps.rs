//! A1. For every write `w` of session `s` and every write `p` in the past of `s` at `w`: `stamp(p) < stamp(w)`; and two writes
//! never have one dot.
//!
//! Source: with [A2](super::a2_reads) it proves causal convergence (CCv of Bouajjani, Enea, Guerraoui, Hamza, POPL 2017) with
//! the store's own order as the witness, so that no graph is searched. It is I4 of the invariants, without a clock's own view.
//!
//! Why no stronger: a write whose two records of one operation are ordered both ways counts in a past with the smaller stamp.
//! Its session may have been told of either, and the store orders the write by the smaller.

use causeway::{
    clock::Dot,
    store::{Order, Write},
};

use super::{Books, Guarantee, Known, Property, Replicas, Violation};
use crate::history::Operation;

/// Judges the record of a new write.
pub fn check_new(books: &Books, operation: &Operation, dot: Dot) -> Result<(), Violation> {
    let stamp = Order::from(dot);
    match operation.past.newest() {
        Some(newest) if newest >= stamp => {
            let own = books.session(operation.invocation.session).newest_own;
            let guarantee = if own >= Some(stamp) { Guarantee::MonotonicWrites } else { Guarantee::WritesFollowReads };
            let evidence = format!("{operation} has stamp {stamp}, and {newest} is in its past");
            Err(Property::StampsFollowThePast(guarantee)
                .violated(evidence)
                .record(Dot { actor: newest.actor, hlc: newest.hlc })
                .of(operation.id))
        }
        _ => Ok(()),
    }
}

/// Judges a record whose dot is known already: it must be the same write.
pub fn check_known(replicas: &Replicas, write: &Write) -> Result<(), Violation> {
    let same = |known: &Known| {
        known.key == write.key
            && known.is_tombstone == write.value.is_none()
            && known.operation == write.operation.map(|operation| operation.id)
            && write.value.as_ref().is_none_or(|value| known.wrote(&value.bytes))
    };
    match replicas.record(write.dot) {
        Some(known) if !same(known) => {
            let evidence = format!("{write} has the dot of another write of {}", known.key);
            Err(Property::DotsNeverRepeat.violated(evidence).record(write.dot))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checker::litmus::{Litmus, blame},
        history::Outcome,
    };

    #[test]
    fn a_session_s_writes_must_rise() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        let next = run.begin_put(0, "y");
        let found = blame(run.try_apply_put(next, 1, 9));
        assert_eq!(found, Some(Property::StampsFollowThePast(Guarantee::MonotonicWrites)));
    }

    #[test]
    fn a_write_must_be_above_what_its_session_read() {
        let mut run = Litmus::new();
        let cause = run.put(0, "x", 0, 10);
        run.read(1, "x", Outcome::Found(cause)).unwrap();
        let effect = run.begin_put(1, "x");
        let found = blame(run.try_apply_put(effect, 1, 10 - 1));
        assert_eq!(found, Some(Property::StampsFollowThePast(Guarantee::WritesFollowReads)));
    }

    #[test]
    fn concurrent_writes_may_have_any_order() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        run.put(1, "x", 1, 5);
    }

    #[test]
    fn a_dot_names_one_write() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        let other = run.begin_put(1, "y");
        assert_eq!(blame(run.try_apply_put(other, 0, 10)), Some(Property::DotsNeverRepeat));
    }
}
