//! Every record comes from an operation that may take effect: one that somebody asked for, and that was not refused with the
//! promise that it never happens. A node that has applied a record of an operation makes no second one for its retries. And of an
//! operation that was sent `n` times there are at most `n` records: what happens to a request on its way does not multiply it.
//!
//! Source: contract, '503 only where the request was provably not applied', 'Idempotency-Key'.
//!
//! Why no stronger: two nodes that have not heard of each other's record may each make one for the same operation. They are one
//! write, with the smaller stamp.

use causeway::store::Write;

use super::{Asked, Books, Property, Replicas, Violation};
use crate::history::{Operation, Outcome};

/// Judges a record when it is first seen.
pub fn check_new(books: &Books, replicas: &Replicas, write: &Write, asked: Asked) -> Result<(), Violation> {
    match asked {
        Asked::ByNobody => {
            return Err(Property::RefusedIsFinal.violated(format!("{write}: nobody asked for it")).record(write.dot));
        }
        Asked::By(id) => {
            let refused = books.history().get(id).filter(|op| matches!(op.outcome, Outcome::NotApplied | Outcome::Absent));
            if let Some(refused) = refused {
                return Err(Property::RefusedIsFinal
                    .violated(format!("{write} appears, and it was refused: {refused}"))
                    .of(refused.id)
                    .record(write.dot));
            }
        }
        Asked::Once => {}
    }
    let Some(operation) = write.operation else { return Ok(()) };
    let Some((origin, _)) = replicas.origin(write.dot.actor) else {
        return Ok(());
    };
    let twin = replicas
        .records_of(&write.key)
        .find(|(dot, known)| *dot < write.dot && known.operation == Some(operation.id) && replicas.has(origin, *dot));
    match twin {
        None => Ok(()),
        Some((dot, _)) => {
            let evidence = format!("{origin} makes {write} for an operation of which it has applied {dot}");
            Err(Property::RetriesAreRecognised.violated(evidence).record(dot).record(write.dot))
        }
    }
}

/// Judges an operation once a new record of it is noted.
pub fn check_number(operation: &Operation) -> Result<(), Violation> {
    if operation.dots.len() <= usize::from(operation.attempts) {
        return Ok(());
    }
    let evidence = format!("sent {} times, and has {} records: {operation}", operation.attempts, operation.dots.len());
    Err(Property::NoMoreRecordsThanRequests.violated(evidence))
}

/// Judges a refusal when it is given.
pub fn check_refusal(operation: &Operation) -> Result<(), Violation> {
    let refused = operation.is_write() && matches!(operation.outcome, Outcome::NotApplied | Outcome::Absent);
    if refused && !operation.dots.is_empty() {
        return Err(Property::RefusedIsFinal.violated(format!("refused, and there is a record: {operation}")).of(operation.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_refused_write_that_happens() {
        let mut run = Litmus::new();
        let refused = run.begin_put(0, "x");
        run.answer(refused, Outcome::NotApplied).unwrap();
        assert_eq!(blame(run.try_apply_put(refused, 0, 10)), Some(Property::RefusedIsFinal));
    }

    #[test]
    fn a_refusal_of_what_has_happened() {
        let mut run = Litmus::new();
        let op = run.begin_put(0, "x");
        run.apply_put(op, 0, 10);
        assert_eq!(blame(run.answer(op, Outcome::NotApplied)), Some(Property::RefusedIsFinal));
        let unknown = run.begin_put(1, "y");
        run.apply_put(unknown, 0, 11);
        assert_eq!(blame(run.answer(unknown, Outcome::Unknown)), None);
    }

    #[test]
    fn a_delete_that_nobody_asked_for() {
        let mut run = Litmus::new();
        let gone = run.delete(0, "x", 0, 10);
        assert_eq!(blame(run.try_apply_put(gone, 0, 11)), Some(Property::RefusedIsFinal));
    }

    #[test]
    fn a_retry_that_makes_a_second_record_where_the_first_is() {
        let mut run = Litmus::new();
        let op = run.begin_named_put(0, "x");
        run.apply_put(op, 0, 10);
        run.give_up(op);
        run.retry(op);
        assert_eq!(blame(run.try_apply_put(op, 1, 11)), None, "another node may not know of the first");
        assert_eq!(blame(run.try_apply_put(op, 0, 12)), Some(Property::RetriesAreRecognised));
    }

    #[test]
    fn a_request_that_makes_two_records() {
        let mut run = Litmus::new();
        let op = run.begin_put(0, "x");
        run.apply_put(op, 0, 10);
        assert_eq!(blame(run.try_apply_put(op, 1, 11)), Some(Property::NoMoreRecordsThanRequests));
    }
}
