//! A2. A read of key `k` by session `s` returns a version whose stamp is not below the stamp of any write of `k` in the past of
//! `s`. Absent is an answer too: the initial state, which is below everything, or a tombstone. A write that reports what it
//! replaced has read.
//!
//! Source: see [A1](super::a1_stamps). A violation is called by the weakest session guarantee that it breaks.
//!
//! Why no stronger: (1) 'absent' does not say which tombstone was seen, so any that is not too old excuses it; (2) of a write
//! with two records the read is judged by the larger, since a replica may know only that one; (3) where a stamp is not known
//! (histories of real processes, a record logged by a node that crashed before it could say so), a read is stale only if
//! what it returned is in the past of a write of the key that is in the session's past; (4) what was destroyed in every copy, in a run that may, excuses whoever does not see it.

use causeway::store::Order;

use super::{Books, Guarantee, Property, Violation};
use crate::history::{Kind, OpId, Operation, Outcome};

/// Judges what an operation saw. Before the session's past takes it in.
pub fn check(books: &Books, id: OpId, outcome: Outcome) -> Result<(), Violation> {
    let Some(reader) = books.history().get(id) else { return Ok(()) };
    let others = || books.writes_of(&reader.invocation.key).filter(|write| write.id != id);
    let is_past = |write: &&Operation| !write.is_lost && reader.past.contains(write);
    match outcome {
        Outcome::Found(returned) => {
            check_somebody_wrote(books, reader, returned)?;
            let known = books.history().get(returned);
            let is_newer = |write: &&Operation| write.id != returned && known.is_none_or(|known| is_older(known, write));
            let newer = others().filter(is_newer).filter(is_past);
            let Some(newest) = newest_of(newer) else { return Ok(()) };
            let text = known.map_or_else(|| "a write that every session has seen replaced".to_owned(), ToString::to_string);
            Err(stale(books, reader, &text, known.and_then(Operation::largest), newest))
        }
        _ if outcome.saw_absence() => {
            let deletes: Vec<_> = others().filter(|write| write.invocation.kind == Kind::Delete).collect();
            let is_excused = |write: &&Operation| deletes.iter().any(|delete| !is_older(delete, write));
            let unexcused = others().filter(is_past).filter(|write| write.invocation.kind == Kind::Put && !is_excused(write));
            let Some(newest) = newest_of(unexcused) else { return Ok(()) };
            Err(stale(books, reader, "absent", None, newest))
        }
        _ => Ok(()),
    }
}

fn newest_of<'a>(writes: impl Iterator<Item = &'a Operation>) -> Option<&'a Operation> {
    writes.max_by_key(|write| (write.smallest(), write.id))
}

fn check_somebody_wrote(books: &Books, reader: &Operation, returned: OpId) -> Result<(), Violation> {
    if returned < books.history().bound() {
        return Ok(());
    }
    Err(Property::AnswersByContract.violated(format!("{reader} returned {returned}, which nobody wrote")))
}

fn is_older(returned: &Operation, newest: &Operation) -> bool {
    match (returned.largest(), newest.smallest()) {
        (Some(returned), Some(newest)) => returned < newest,
        _ => newest.past.contains(returned),
    }
}

fn stale(books: &Books, reader: &Operation, returned: &str, stamp: Option<Order>, newest: &Operation) -> Violation {
    let evidence = format!("{reader} was told: {returned}; its past holds {newest}");
    Property::ReadsFollowThePast(weakest(books, reader, stamp, newest))
        .violated(evidence)
        .of(newest.id)
        .of(reader.id)
        .on(&reader.invocation.key)
}

fn weakest(books: &Books, reader: &Operation, returned: Option<Order>, newest: &Operation) -> Guarantee {
    let session = books.session(reader.invocation.session);
    let writer = newest.invocation.session;
    if writer == reader.invocation.session {
        Guarantee::ReadYourWrites
    } else if session.read.get(&reader.invocation.key).is_some_and(|read| Some(*read) > returned) {
        Guarantee::MonotonicReads
    } else if session.read_from.get(&writer).is_some_and(|last| *last >= newest.sequence) {
        Guarantee::MonotonicWrites
    } else {
        Guarantee::WritesFollowReads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    const ALICE: u16 = 0;
    const BOB: u16 = 1;
    const CAROL: u16 = 2;

    fn reads(guarantee: Guarantee) -> Option<Property> {
        Some(Property::ReadsFollowThePast(guarantee))
    }

    #[test]
    fn stale_initial_read() {
        let mut run = Litmus::new();
        run.put(ALICE, "x", 0, 10);
        assert_eq!(blame(run.read(ALICE, "x", Outcome::Absent)), reads(Guarantee::ReadYourWrites));
        assert_eq!(blame(run.read(BOB, "x", Outcome::Absent)), None, "Bob has not seen it");
    }

    #[test]
    fn a_delete_excuses_absence_unless_it_is_older() {
        let mut run = Litmus::new();
        run.delete(BOB, "x", 1, 5);
        run.put(ALICE, "x", 0, 10);
        assert_eq!(blame(run.read(ALICE, "x", Outcome::Absent)), reads(Guarantee::ReadYourWrites));
        run.delete(BOB, "x", 1, 11);
        assert_eq!(blame(run.read(ALICE, "x", Outcome::Absent)), None);
    }

    #[test]
    fn a_put_that_claims_to_create_has_read_absence() {
        let mut run = Litmus::new();
        run.put(ALICE, "x", 0, 10);
        let again = run.begin_put(ALICE, "x");
        run.apply_put(again, 0, 11);
        assert_eq!(blame(run.answer(again, Outcome::Created)), reads(Guarantee::ReadYourWrites));
    }

    #[test]
    fn reads_that_go_back() {
        let mut run = Litmus::new();
        let old = run.put(ALICE, "x", 0, 10);
        let new = run.put(CAROL, "x", 1, 11);
        assert_eq!(blame(run.read(BOB, "x", Outcome::Found(new))), None);
        assert_eq!(blame(run.read(BOB, "x", Outcome::Found(old))), reads(Guarantee::MonotonicReads));
    }

    #[test]
    fn a_session_s_second_write_without_its_first() {
        let mut run = Litmus::new();
        let before = run.put(CAROL, "x", 1, 5);
        run.put(ALICE, "x", 0, 10);
        let second = run.put(ALICE, "y", 0, 11);
        assert_eq!(blame(run.read(BOB, "y", Outcome::Found(second))), None);
        assert_eq!(blame(run.read(BOB, "x", Outcome::Found(before))), reads(Guarantee::MonotonicWrites));
    }

    #[test]
    fn lost_causality() {
        let mut run = Litmus::new();
        let cause = run.put(ALICE, "x", 0, 10);
        run.read(BOB, "x", Outcome::Found(cause)).unwrap();
        let effect = run.put(BOB, "y", 1, 11);
        assert_eq!(blame(run.read(CAROL, "y", Outcome::Found(effect))), None);
        assert_eq!(blame(run.read(CAROL, "x", Outcome::Absent)), reads(Guarantee::WritesFollowReads));
    }

    #[test]
    fn a_long_fork_is_allowed() {
        let mut run = Litmus::new();
        let left = run.put(0, "x", 0, 10);
        let right = run.put(1, "y", 1, 10);
        for (session, seen, unseen) in [(2, (left, "x"), "y"), (3, (right, "y"), "x")] {
            assert_eq!(blame(run.read(session, seen.1, Outcome::Found(seen.0))), None);
            assert_eq!(blame(run.read(session, unseen, Outcome::Absent)), None);
        }
    }

    #[test]
    fn a_write_of_unknown_outcome_is_in_the_past_of_who_read_it_only() {
        let mut run = Litmus::new();
        let maybe = run.begin_put(ALICE, "x");
        run.apply_put(maybe, 0, 10);
        run.give_up(maybe);
        assert_eq!(blame(run.read(ALICE, "x", Outcome::Absent)), None);
        let after = run.put(ALICE, "y", 0, 20);
        run.read(BOB, "y", Outcome::Found(after)).unwrap();
        assert_eq!(blame(run.read(BOB, "x", Outcome::Absent)), None);
        run.read(CAROL, "x", Outcome::Found(maybe)).unwrap();
        assert!(blame(run.read(CAROL, "x", Outcome::Absent)).is_some());
    }

    #[test]
    fn without_stamps_a_read_from_before_a_seen_write_is_stale() {
        let mut run = Litmus::new();
        let old = run.put_unseen(ALICE, "x");
        let new = run.put_unseen(ALICE, "x");
        let other = run.put_unseen(CAROL, "x");
        run.read(BOB, "x", Outcome::Found(new)).unwrap();
        assert_eq!(blame(run.read(BOB, "x", Outcome::Found(other))), None, "concurrent");
        assert!(blame(run.read(BOB, "x", Outcome::Found(old))).is_some());
    }

    #[test]
    fn of_two_records_of_one_write_the_larger_excuses_a_read_and_the_smaller_is_in_the_past() {
        let mut run = Litmus::new();
        let twice = run.begin_named_put(ALICE, "x");
        run.apply_put(twice, 0, 10);
        run.retry(twice);
        run.apply_put(twice, 1, 30);
        run.answer(twice, Outcome::Created).unwrap();
        let between = run.put(BOB, "x", 2, 20);
        assert_eq!(blame(run.read(ALICE, "x", Outcome::Found(between))), None, "20 is above 10");
        assert_eq!(blame(run.read(BOB, "x", Outcome::Found(twice))), None, "30 is above 20");
    }

    #[test]
    fn what_every_session_has_seen_replaced_is_forgotten_and_stale() {
        let mut run = Litmus::new();
        let first = run.put(ALICE, "x", 0, 10);
        for hlc in 11..600 {
            let newest = run.put(ALICE, "x", 0, hlc);
            for session in [BOB, CAROL, 3] {
                run.read(session, "x", Outcome::Found(newest)).unwrap();
            }
        }
        assert!(run.judge.books().history().iter().count() < 1_200, "memory is bounded");
        assert!(blame(run.read(BOB, "x", Outcome::Found(first))).is_some());
    }

    #[test]
    fn so_it_is_where_nobody_tells_the_stamps() {
        let mut run = Litmus::new();
        let first = run.put_unseen(ALICE, "x");
        for _ in 1..600 {
            let newest = run.put_unseen(ALICE, "x");
            for session in [BOB, CAROL, 3] {
                run.read(session, "x", Outcome::Found(newest)).unwrap();
            }
        }
        assert!(run.judge.books().history().iter().count() < 1_200, "memory is bounded");
        assert!(blame(run.read(BOB, "x", Outcome::Found(first))).is_some());
    }
}
