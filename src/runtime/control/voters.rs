//! Who votes: 1, 3 or 5 of the nodes (two nodes: one voter), the others learn. Pure; the leader asks for the next step from time to
//! time and takes it.

use std::collections::{BTreeMap, BTreeSet};

use super::member::MemberId;
use crate::id::NodeId;

/// How many of so many vote.
pub fn voter_count(members: usize) -> usize {
    match members {
        0 => 0,
        1 | 2 => 1,
        3 | 4 => 3,
        _ => 5,
    }
}

/// What is believed of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is up.
    Up,
    /// It is down, and has not been for long.
    Down,
    /// It has been down for so long that its vote goes to another.
    Gone,
}

/// What the leader knows.
#[derive(Debug, Default)]
pub struct Known {
    /// The nodes that should be in the group.
    pub nodes: BTreeMap<NodeId, Standing>,
    /// Who votes now.
    pub voters: BTreeSet<MemberId>,
    /// Who learns now.
    pub learners: BTreeSet<MemberId>,
    /// Those of the learners that have nearly all of the log.
    pub ready: BTreeSet<MemberId>,
    /// Which disk of a node spoke last, a moment ago: its other disks are gone for good.
    pub heard: BTreeMap<NodeId, MemberId>,
}

/// What the leader does to the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Someone learns from now on.
    Learn(MemberId),
    /// These vote from now on; those that did and are not among them learn.
    Vote(BTreeSet<MemberId>),
    /// These are left out.
    Forget(BTreeSet<MemberId>),
}

/// The next step for the leader `me`, if there is one to take.
pub fn next_step(known: &Known, me: MemberId) -> Option<Step> {
    let belong = known.heard.values().filter(|heard| known.nodes.contains_key(&heard.node));
    let mut new = belong.filter(|heard| !known.voters.contains(heard) && !known.learners.contains(heard));
    if let Some(newcomer) = new.next() {
        return Some(Step::Learn(*newcomer));
    }
    let voters = wanted_voters(known, me);
    if !voters.is_empty() && voters != known.voters {
        return Some(Step::Vote(voters));
    }
    let useless: BTreeSet<_> = known.learners.iter().filter(|learner| is_useless(known, **learner)).copied().collect();
    (!useless.is_empty()).then_some(Step::Forget(useless))
}

/// Whether a member's disk is lost: its node has another one in the group.
fn is_lost(known: &Known, member: MemberId) -> bool {
    let newer = known.heard.get(&member.node).filter(|heard| **heard != member);
    newer.is_some_and(|newer| known.voters.contains(newer) || known.learners.contains(newer))
}

/// Whether a member's disk is lost, or its node no longer in the cluster.
fn is_useless(known: &Known, member: MemberId) -> bool {
    is_lost(known, member) || !known.nodes.contains_key(&member.node)
}

/// Those who vote as long as they can be used; then, for those that cannot and for those that are missing, learners that are up and
/// ready. Nobody is dropped for being gone, or for a lost disk, as long as nobody can take the place. The leader itself goes where its
/// node left the cluster: another one leads then.
fn wanted_voters(known: &Known, me: MemberId) -> BTreeSet<MemberId> {
    let standing = |member: &MemberId| known.nodes.get(&member.node).copied();
    let belongs = |member: &&MemberId| standing(member).is_some();
    let is_dead = |member: &MemberId| is_lost(known, *member) || standing(member) == Some(Standing::Gone);
    let (dead, alive): (Vec<MemberId>, Vec<MemberId>) =
        known.voters.iter().filter(belongs).filter(|voter| **voter != me).partition(|voter| is_dead(voter));
    let is_heir = |learner: &&MemberId| standing(learner) == Some(Standing::Up) && !is_lost(known, **learner);
    let heirs = known.ready.iter().filter(is_heir).copied();
    let mut chosen: Vec<MemberId> = Vec::new();
    let own = known.nodes.contains_key(&me.node).then_some(me);
    for member in own.into_iter().chain(alive).chain(heirs).chain(dead) {
        if !chosen.iter().any(|other| other.node == member.node) {
            chosen.push(member);
        }
    }
    let count = voter_count(known.nodes.len()).min(voter_count(chosen.len()));
    chosen.into_iter().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u32) -> MemberId {
        MemberId { node: NodeId(node), disk: 1 }
    }

    fn members(nodes: &[u32]) -> BTreeSet<MemberId> {
        nodes.iter().copied().map(member).collect()
    }

    fn known(up: &[u32], voters: &[u32], learners: &[u32]) -> Known {
        Known {
            nodes: up.iter().map(|node| (NodeId(*node), Standing::Up)).collect(),
            voters: members(voters),
            learners: members(learners),
            ready: members(learners),
            heard: BTreeMap::new(),
        }
    }

    fn with(mut known: Known, node: u32, standing: Standing) -> Known {
        known.nodes.insert(NodeId(node), standing);
        known
    }

    #[test]
    fn an_odd_number_votes() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 9].map(voter_count), [0, 1, 1, 3, 3, 5, 5, 5]);
        assert_eq!(next_step(&known(&[0, 1], &[0], &[1]), member(0)), None);
        assert_eq!(next_step(&known(&[0, 1, 2], &[0], &[1, 2]), member(0)), Some(Step::Vote(members(&[0, 1, 2]))));
        assert_eq!(next_step(&known(&[0, 1, 2], &[0], &[1]), member(0)), None, "two do not make three");
        assert_eq!(next_step(&known(&[0, 1, 2, 3], &[0, 1, 2], &[3]), member(1)), None);
    }

    #[test]
    fn a_voter_that_is_gone_is_replaced_by_a_learner_that_is_up_and_ready() {
        let four = || known(&[0, 1, 2, 3], &[0, 1, 2], &[3]);
        assert_eq!(next_step(&with(four(), 1, Standing::Down), member(0)), None, "not yet");
        assert_eq!(next_step(&with(four(), 1, Standing::Gone), member(0)), Some(Step::Vote(members(&[0, 2, 3]))));
        let gone = with(four(), 1, Standing::Gone);
        assert_eq!(next_step(&with(gone, 3, Standing::Down), member(0)), None, "nobody can take its place");
        let mut behind = with(four(), 1, Standing::Gone);
        behind.ready.clear();
        assert_eq!(next_step(&behind, member(0)), None, "it lacks too much of the log");
        assert_eq!(next_step(&with(known(&[0, 1, 2], &[0, 1, 2], &[]), 1, Standing::Gone), member(0)), None);
    }

    #[test]
    fn a_new_disk_takes_the_place_of_the_lost_one() {
        let new = MemberId { node: NodeId(1), disk: 2 };
        let mut known = known(&[0, 1, 2], &[0, 1, 2], &[]);
        known.heard.insert(NodeId(1), new);
        assert_eq!(next_step(&known, member(0)), Some(Step::Learn(new)));
        known.learners.insert(new);
        assert_eq!(next_step(&known, member(0)), None, "it lacks the log");
        known.ready.insert(new);
        let voters: BTreeSet<_> = [member(0), new, member(2)].into();
        assert_eq!(next_step(&known, member(0)), Some(Step::Vote(voters.clone())));
        known.voters = voters;
        known.learners = members(&[1]);
        assert_eq!(next_step(&known, member(0)), Some(Step::Forget(members(&[1]))));
        known.learners.clear();
        assert_eq!(next_step(&known, member(0)), None);
    }

    #[test]
    fn a_node_that_left_is_left_out() {
        let mut four = known(&[0, 1, 2, 3], &[0, 1, 2], &[3]);
        four.nodes.remove(&NodeId(2));
        assert_eq!(next_step(&four, member(0)), Some(Step::Vote(members(&[0, 1, 3]))));
        four.voters = members(&[0, 1, 3]);
        four.learners = members(&[2]);
        assert_eq!(next_step(&four, member(0)), Some(Step::Forget(members(&[2]))));
        assert_eq!(next_step(&known(&[1, 2], &[0, 1, 2], &[]), member(0)), Some(Step::Vote(members(&[1]))), "a leader that left");
        let mut two = known(&[0, 1], &[0, 1, 2], &[]);
        assert_eq!(next_step(&two, member(1)), Some(Step::Vote(members(&[1]))), "the leader stays");
        two.voters = members(&[1]);
        two.learners = members(&[0, 2]);
        assert_eq!(next_step(&two, member(1)), Some(Step::Forget(members(&[2]))));
        let newcomer = MemberId { node: NodeId(9), disk: 4 };
        two.learners = members(&[0]);
        two.heard.insert(NodeId(9), newcomer);
        assert_eq!(next_step(&two, member(1)), None, "nobody said that it belongs");
    }
}
