//! I10. At quiescence all replicas of a shard answer the same for each key, and nothing older than the largest acknowledged
//! write of it: no acknowledged write is lost.
//!
//! Source: eventual consistency (Terry et al., 'Managing Update Conflicts in Bayou', SOSP 1995), with the deadline and the
//! order named: within 30 simulated seconds of the last fault, by last-writer-wins.
//!
//! Why no stronger: 'absent' does not say which tombstone it is, so any delete that is not older excuses it. Which of two
//! concurrent unacknowledged writes wins is not judged, only that it is the same one everywhere. Of a write that only a node had that was
//! cut off nothing is asked.

use std::collections::BTreeMap;

use causeway::{id::NodeId, store::Key};

use super::{Books, Property, Violation};
use crate::history::{Kind, Operation, Outcome};

/// What one replica answered for one key, to a session that has seen nothing.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Who was asked. It holds the key.
    pub node: NodeId,
    /// Which key.
    pub key: Key,
    /// What it said.
    pub outcome: Outcome,
}

/// Judges that all replicas said the same.
pub fn check_agreement(readings: &[Reading]) -> Result<(), Violation> {
    let mut by_key: BTreeMap<&Key, &Reading> = BTreeMap::new();
    for reading in readings {
        let first = *by_key.entry(&reading.key).or_insert(reading);
        if first.outcome != reading.outcome {
            let evidence =
                format!("{}: {} says {}, {} says {}", reading.key, first.node, first.outcome, reading.node, reading.outcome);
            return Err(Property::Convergence.violated(evidence).at(first.node).at(reading.node).on(&reading.key));
        }
    }
    Ok(())
}

/// Judges that no acknowledged write was lost: of each, the key holds it or something that is not older.
pub fn check_nothing_lost(books: &Books, readings: &[Reading]) -> Result<(), Violation> {
    for reading in readings {
        let writes = || books.writes_of(&reading.key);
        let is_kept = |write: &Operation| match reading.outcome {
            Outcome::Found(op) => books.history().get(op).is_some_and(|found| !is_older(found, write)),
            _ => writes().any(|other| other.invocation.kind == Kind::Delete && !is_older(other, write)),
        };
        let lost = writes().find(|write| write.outcome.is_acknowledged() && !write.is_lost && !is_kept(write));
        if let Some(lost) = lost {
            let evidence = format!("{} says {} for {}, and {lost} was acknowledged", reading.node, reading.outcome, reading.key);
            return Err(Property::Durability.violated(evidence).of(lost.id).at(reading.node).on(&reading.key));
        }
    }
    Ok(())
}

/// By their stamps; where one is not known, as in histories of real processes, by the newer one's past.
fn is_older(write: &Operation, newer: &Operation) -> bool {
    match (write.largest(), newer.smallest()) {
        (Some(write), Some(newer)) => write < newer,
        _ => newer.past.contains(write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn replicas_that_disagree() {
        let mut run = Litmus::new();
        let one = run.put(0, "x", 0, 10);
        let other = run.put(1, "x", 1, 11);
        let found = Outcome::Found;
        assert_eq!(blame(run.end("x", &[found(other), found(other), found(other)])), None);
        assert_eq!(blame(run.end("x", &[found(other), found(one), found(other)])), Some(Property::Convergence));
    }

    #[test]
    fn replicas_that_agree_on_a_loss() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        run.put(1, "x", 1, 11);
        assert_eq!(blame(run.end("x", &[Outcome::Found(old); 3])), Some(Property::Durability));
        assert_eq!(blame(run.end("x", &[Outcome::Absent; 3])), Some(Property::Durability));
        run.delete(2, "x", 2, 12);
        assert_eq!(blame(run.end("x", &[Outcome::Absent; 3])), None);
    }
}
