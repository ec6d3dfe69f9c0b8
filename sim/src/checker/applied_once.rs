//! I8. A replica applies each record at most once; what it recovered from its disk counts as applied.
//!
//! Source: invariant I8. Applying twice looks harmless under last-writer-wins and is not: a record that comes back after its
//! successor, a tombstone, was collected brings the deleted value back.
//!
//! Why no stronger: nothing is said of records that are received, or logged, twice and applied once.

use causeway::{clock::Dot, id::NodeId};

use super::{Property, Replicas, Violation};

/// Judges a record when a replica applies it, before that is noted.
pub fn check(replicas: &Replicas, node: NodeId, dot: Dot) -> Result<(), Violation> {
    if replicas.has(node, dot) {
        return Err(Property::AppliedOnce.violated(format!("{node} applies {dot} again")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_record_that_comes_twice() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        assert_eq!(blame(run.replicate(op, 1)), None);
        assert_eq!(blame(run.replicate(op, 1)), Some(Property::AppliedOnce));
    }

    #[test]
    fn a_record_that_was_recovered_and_comes_again() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        run.recover(1, 0, 10).unwrap();
        assert_eq!(blame(run.replicate(op, 1)), Some(Property::AppliedOnce));
    }
}
