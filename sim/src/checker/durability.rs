//! What a node has acknowledged, or applied, it has after every restart: under fsync `always` nothing leaves a node, or becomes
//! readable there, before it is durable. And nothing is answered before it is applied.
//!
//! Source: design, 'what was acknowledged is not lost, by crash or power loss'.
//!
//! Why no stronger: a node whose disk was lost, or that runs with a laxer policy, may lose; then only
//! [convergence](super::convergence) judges, by what the other replicas kept. Of what a winner superseded nothing is asked. What came
//! with a transfer counts as applied only once the node's own snapshot holds it: until then it may be gone after a crash. Slots that a
//! shard is to get may be dropped by a restart before they are handed over, and come again.

use causeway::{
    clock::{Dot, VersionVector},
    id::NodeId,
    placement::slot_of,
    store::Key,
};

use super::{Property, Replicas, Violation};

/// Judges an acknowledgement when it is given.
pub fn check_answer(replicas: &Replicas, node: NodeId, dot: Dot) -> Result<(), Violation> {
    // The retry of a write that another shard took comes here once its slot has.
    let is_another_s = replicas.get(node).is_some_and(|replica| replica.actor != dot.actor);
    let has = replicas.has(node, dot) || replicas.gave_away(node, dot);
    if has || (is_another_s && replicas.is_superseded(node, dot)) {
        return Ok(());
    }
    Err(Property::Durability.violated(format!("{node} acknowledges {dot} before it has it")).record(dot))
}

/// Judges what a node found on its disk, before that is noted: its contents, and how far it says that it had written.
pub fn check_recovery(replicas: &Replicas, node: NodeId, recovered: &VersionVector) -> Result<(), Violation> {
    let Some(replica) = replicas.get(node).filter(|replica| !replica.may_lose && !replica.is_damaged) else { return Ok(()) };
    let actor = replica.actor;
    let applied = |dot: &Dot| !replica.skipped.contains(dot) && !replica.installed.values().any(|brought| brought.contains(dot));
    let answered = Dot { actor, hlc: replica.answered };
    if let Some(dot) = replicas.held(node, actor).filter(applied).chain([answered]).find(|dot| dot.hlc > recovered.get(actor)) {
        let evidence = format!("{node} had {dot} and recovered itself up to {}", recovered.get(actor));
        return Err(Property::Durability.violated(evidence).record(dot));
    }
    let migration = replica.config.migration().filter(|one| one.switched.is_none());
    let coming: Vec<_> = migration.into_iter().flat_map(|migration| migration.into_shard(replica.shard)).collect();
    let is_kept = |key: &Key| !replica.installed.contains_key(key) && !coming.iter().any(|one| one.slots.contains(slot_of(key)));
    for (key, winner) in replica.winners.iter().filter(|(key, _)| is_kept(key)) {
        let found = replica.found.get(key).and_then(|dots| dots.first()).map(|dot| replicas.place(*dot));
        if found.max(replicas.collected(key)) < Some(replicas.place(*winner)) {
            let evidence = format!("{node} had {winner} as the winner of {key} and does not find it again");
            return Err(Property::Durability.violated(evidence).record(*winner).on(key));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use causeway::{clock::Hlc, id::ActorId, node::Event};

    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    fn acknowledged(actor: u32, hlc: u64) -> Event {
        Event::Acknowledged(Dot { actor: ActorId(actor), hlc: Hlc(hlc) })
    }

    #[test]
    fn an_answer_before_the_record_is_durable() {
        let mut run = Litmus::new();
        assert_eq!(blame(run.happened(0, acknowledged(0, 10))), Some(Property::Durability));
        run.put(0, "x", 0, 10);
        assert_eq!(blame(run.happened(0, acknowledged(0, 10))), None);
    }

    #[test]
    fn a_recovery_that_lacks_what_was_applied() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        run.replicate(op, 1).unwrap();
        run.find(0, "x", &[op]).unwrap();
        assert_eq!(blame(run.recover(0, 0, 9)), Some(Property::Durability), "its own record is there and does not count");
        assert_eq!(blame(run.recover(1, 0, 9)), Some(Property::Durability), "nothing was found");
        run.find(1, "x", &[op]).unwrap();
        assert_eq!(blame(run.recover(1, 0, 9)), None, "how far it had applied its peers need not be known");
    }

    /// Seed 963: a node that lost its disk got its own old records from a peer, and crashed while it wrote them to its new disk.
    #[test]
    fn what_a_transfer_brought_may_be_gone_until_it_is_durable() {
        let mut run = Litmus::new();
        let op = run.put(0, "x", 0, 10);
        run.replicate(op, 1).unwrap();
        run.judge.may_lose(NodeId(0));
        run.recover(0, 0, 0).unwrap();
        run.install(0, "x", &[op]).unwrap();
        assert_eq!(blame(run.recover(0, 0, 0)), None);
        let own = run.put(0, "x", 0, 20);
        run.install(0, "x", &[own]).unwrap();
        assert_eq!(blame(run.recover(0, 0, 10)), Some(Property::Durability), "a transfer excuses no record that was here before");
    }

    #[test]
    fn a_lost_disk_may_lack_anything() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        run.judge.may_lose(NodeId(0));
        assert_eq!(blame(run.recover(0, 0, 0)), None);
    }
}
