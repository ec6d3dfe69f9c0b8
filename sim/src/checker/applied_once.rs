//! I8. A replica applies each record at most once in its life; what it says that it had applied before it started counts too.
//!
//! Source: invariant I8. Applying twice looks harmless under last-writer-wins and is not: a record that comes back after its
//! successor, a tombstone, was collected brings the deleted value back.
//!
//! Why no stronger: what a node holds on its disk and does not count as applied yet, since the vector that says so was not
//! written before a crash, may come and be applied once more. Nothing below the stable time is such a record.

use causeway::{clock::Dot, id::NodeId};

use super::{Property, Replicas, Violation};

/// Judges a record when a replica applies it, before that is noted.
pub fn check(replicas: &Replicas, node: NodeId, dot: Dot) -> Result<(), Violation> {
    if replicas.counts_as_applied(node, dot) {
        return Err(Property::AppliedOnce.violated(format!("{node} applies {dot} again")).record(dot));
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
        run.find(1, "x", &[op]).unwrap();
        run.recover(1, 0, 10).unwrap();
        assert_eq!(blame(run.replicate(op, 1)), Some(Property::AppliedOnce));
    }
}
