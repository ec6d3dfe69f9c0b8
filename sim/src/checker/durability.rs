//! What a node has acknowledged, or applied, it has after every restart: under fsync `always` nothing leaves a node, or becomes
//! readable there, before it is durable. And nothing is answered before it is applied.
//!
//! Source: design, 'what was acknowledged is not lost, by crash or power loss'.
//!
//! Why no stronger: a node whose disk was lost, or that runs with a laxer policy, may lose; then only
//! [convergence](super::convergence) judges, by what the other replicas kept. The vector that a node says it recovered is
//! believed here; that its contents are there too is judged by [same set, same state](super::same_set_same_state) and the
//! final scan.

use causeway::{
    clock::{Dot, VersionVector},
    id::NodeId,
};

use super::{Property, Replicas, Violation};

/// Judges an acknowledgement when it is given.
pub fn check_answer(replicas: &Replicas, node: NodeId, dot: Dot) -> Result<(), Violation> {
    if replicas.has(node, dot) {
        return Ok(());
    }
    Err(Property::Durability.violated(format!("{node} acknowledges {dot} before it has it")))
}

/// Judges what a node found on its disk, before that is noted.
pub fn check_recovery(replicas: &Replicas, node: NodeId, recovered: &VersionVector) -> Result<(), Violation> {
    let Some(replica) = replicas.get(node).filter(|replica| !replica.may_lose) else { return Ok(()) };
    let answered = Dot { actor: replica.actor, hlc: replica.answered };
    let applied = replicas.applied_by(node).map(|(dot, _)| dot);
    match applied.chain([answered]).find(|dot| !recovered.contains(*dot)) {
        Some(dot) if dot.hlc > recovered.get(dot.actor) => {
            let evidence = format!("{node} had {dot} and recovered {} up to {}", dot.actor, recovered.get(dot.actor));
            Err(Property::Durability.violated(evidence))
        }
        _ => Ok(()),
    }
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
        assert_eq!(blame(run.recover(0, 0, 9)), Some(Property::Durability));
        assert_eq!(blame(run.recover(1, 0, 9)), Some(Property::Durability));
        assert_eq!(blame(run.recover(1, 0, 10)), None);
    }

    #[test]
    fn a_lost_disk_may_lack_anything() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        run.judge.may_lose(NodeId(0));
        assert_eq!(blame(run.recover(0, 0, 0)), None);
    }
}
