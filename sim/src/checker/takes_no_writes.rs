//! A node that has said that it takes no writes makes no record for an operation that is asked for later, until it takes some again.
//!
//! Source: protocol, 'Coming back' and 'Who is up': a node whose actor is finished, whose disk may lack what it had sent, or whose
//! clock is ahead would harm everyone by its dots. That it harms shows late, or not at all in a short run; that it writes shows at
//! once.
//!
//! Why no stronger: a write that was asked for before may have been on its way to the disk.

use causeway::store::Write;

use super::{Property, Replicas, Violation};
use crate::history::Operation;

/// Judges a record when it is first seen.
pub fn check(replicas: &Replicas, write: &Write, operation: &Operation) -> Result<(), Violation> {
    let origin = replicas.origin(write.dot.actor);
    match origin.and_then(|(node, replica)| Some((node, replica.no_writes_since_us?))) {
        Some((node, since_us)) if operation.invocation.at_us > since_us => {
            let evidence = format!("{node} has taken no writes since {since_us} us, and makes {write} for {operation}");
            Err(Property::WhoTakesNoneMakesNone.violated(evidence))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use causeway::node::{Event, WhyNoWrites};

    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_write_taken_by_who_takes_none() {
        let mut run = Litmus::new();
        let before = run.begin_put(0, "x");
        run.judge.pass_time(100);
        run.happened(0, Event::StoppedWriting(WhyNoWrites::ClockAhead)).unwrap();
        assert_eq!(blame(run.try_apply_put(before, 0, 10)), None, "it was on its way");
        run.at_us = 200;
        let later = run.begin_put(1, "x");
        assert_eq!(blame(run.try_apply_put(later, 0, 20)), Some(Property::WhoTakesNoneMakesNone));
    }

    #[test]
    fn a_node_that_takes_writes_again() {
        let mut run = Litmus::new();
        run.recover(0, 0, 0).unwrap();
        run.judge.pass_time(100);
        run.happened(0, Event::StoppedWriting(WhyNoWrites::ClockAhead)).unwrap();
        run.happened(0, Event::TakesWrites).unwrap();
        run.at_us = 200;
        let later = run.begin_put(1, "x");
        assert_eq!(blame(run.try_apply_put(later, 0, 20)), None);
    }
}
