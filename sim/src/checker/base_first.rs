//! I20. A replica counts slots as taken over only when it holds every record of them by actors whose records it does not follow: those
//! come with the base and in no other way.
//!
//! Source: invariant I20; keys that were missing at a new owner, since only what was written during the move had come.
//!
//! Why no stronger: records of the actors that it follows are judged by its [promises](super::promises).

use causeway::{
    id::{Epoch, NodeId},
    placement::slot_of,
};

use super::{Property, Replicas, Violation};

/// Judges a replica that says that it has all of a migration, before that is noted.
pub fn check(replicas: &Replicas, node: NodeId, begun: Epoch) -> Result<(), Violation> {
    let Some(replica) = replicas.get(node).filter(|replica| !replica.is_behind()) else { return Ok(()) };
    let Some(migration) = replica.config.migration().filter(|migration| migration.begun == begun) else { return Ok(()) };
    let coming: Vec<_> = migration.into_shard(replica.shard).collect();
    let lacks = |dot| !replicas.has(node, dot) && !replicas.is_superseded(node, dot);
    for (dot, known) in replicas.all() {
        let slot = slot_of(&known.key);
        let is_followed = replica.config.actor(dot.actor).is_some() || known.epoch > replica.config.epoch();
        if !is_followed && coming.iter().any(|one| one.slots.contains(slot)) && lacks(dot) {
            let evidence = format!("{node} has taken over the migration of {begun} and lacks {dot} ({})", known.key);
            return Err(Property::BaseFirst.violated(evidence).record(dot).on(&known.key));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Moving, blame};

    #[test]
    fn slots_that_count_without_their_base() {
        let mut run = Moving::after_a_retirement();
        assert_eq!(blame(run.copied(1)), Some(Property::BaseFirst));
        run.copy_everywhere();
        assert_eq!(blame(run.copied(1)), None);
    }
}
