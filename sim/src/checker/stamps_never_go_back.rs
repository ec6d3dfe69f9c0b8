//! For each replica and key the winner's stamp never goes back: also when contents come with a snapshot, and after a tombstone
//! was collected, when the key looks as if it had never been written.
//!
//! Source: monotonicity of last-writer-wins registers; the third complaint of users of such stores, 'deleted data comes back'.
//!
//! Why no stronger: a replica that lost its disk starts from nothing. Of two records of one operation the smaller counts,
//! so a winner may move from the larger to the smaller.

use causeway::{
    id::NodeId,
    store::{Key, Order},
};

use super::{Property, Replicas, Violation};

/// Judges the winner that a replica reports, before it is noted.
pub fn check(replicas: &Replicas, node: NodeId, key: &Key, winner: Option<Order>) -> Result<(), Violation> {
    let last = replicas.last_winner(node, key);
    let is_collected = winner.is_none() && last <= replicas.collected(key);
    if winner >= last || is_collected {
        return Ok(());
    }
    let now = winner.map_or_else(|| "nothing".to_owned(), |order| order.to_string());
    let before = last.map_or_else(|| "nothing".to_owned(), |order| order.to_string());
    Err(Property::StampsNeverGoBack.violated(format!("at {node} the winner of {key} was {before} and is {now}")).on(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    #[test]
    fn a_snapshot_that_brings_back_the_old() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let new = run.put(1, "x", 1, 20);
        run.install(2, "x", &[new, old]).unwrap();
        assert_eq!(blame(run.install(2, "x", &[old])), Some(Property::StampsNeverGoBack));
        assert_eq!(blame(run.install(2, "x", &[])), Some(Property::StampsNeverGoBack));
    }

    #[test]
    fn a_collected_tombstone_still_counts() {
        let mut run = Litmus::new();
        let old = run.put(0, "x", 0, 10);
        let gone = run.delete(1, "x", 1, 20);
        for (op, node) in [(old, 1), (old, 2), (gone, 0), (gone, 2)] {
            run.replicate(op, node).unwrap();
        }
        assert_eq!(blame(run.collect(2, "x", 1, 20)), None);
        assert_eq!(blame(run.install(1, "x", &[])), None);
        assert_eq!(blame(run.install(2, "x", &[old])), Some(Property::StampsNeverGoBack));
    }
}
