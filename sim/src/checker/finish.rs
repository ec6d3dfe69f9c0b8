//! I19. A move is finished only when every member of the new owner has taken over the base, and holds every record that the former
//! owner's actors made of its slots. Who leaves the new owner counts: until it is retired it answers reads.
//!
//! Source: invariant I19. The former owner drops the slots then: what is missing is lost.
//!
//! Why no stronger: a record exists, for this check, once some replica has applied it; one that turns up later is for
//! [seals](super::seals). A replica that lost something is left out until it has caught up.

use causeway::{
    id::NodeId,
    placement::{Config, Migration, slot_of},
};

use super::{Property, Replicas, Violation};

/// Judges the config in which a move is finished, when it is first adopted.
pub fn check(replicas: &Replicas, before: &Config, after: &Config) -> Result<(), Violation> {
    let Some(migration) = before.migration().filter(|_| after.migration().is_none()) else { return Ok(()) };
    if migration.switched.is_none() {
        return Ok(());
    }
    for one in &migration.moves {
        for member in before.writers_of(one.to).filter(|member| member.standing.speaks()) {
            check_member(replicas, migration, member.node)?;
        }
    }
    Ok(())
}

fn check_member(replicas: &Replicas, migration: &Migration, node: NodeId) -> Result<(), Violation> {
    let Some(replica) = replicas.get(node).filter(|replica| !replica.is_behind()) else { return Ok(()) };
    let violated = |evidence: String| Err(Property::FinishedWithAll.violated(evidence).at(node));
    if replica.copied != Some(migration.begun) {
        return violated(format!("the move of {} is finished, and {node} has not taken over its base", migration.begun));
    }
    let coming: Vec<_> = migration.into_shard(replica.shard).collect();
    for (dot, known) in replicas.all() {
        let slot = slot_of(&known.key);
        let is_former = coming.iter().any(|one| one.former.contains(&dot.actor) && one.slots.contains(slot));
        if is_former && !replicas.has(node, dot) && !replicas.is_superseded(node, dot) {
            return violated(format!("the move of {} is finished, and {node} lacks {dot} ({})", migration.begun, known.key));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Moving, blame};

    #[test]
    fn a_move_that_is_finished_too_early() {
        let mut run = Moving::switched();
        assert_eq!(blame(run.finish()), Some(Property::FinishedWithAll), "nobody has the base");
        let mut run = Moving::switched();
        run.copy_everywhere();
        assert_eq!(blame(run.finish()), None);
    }
}
