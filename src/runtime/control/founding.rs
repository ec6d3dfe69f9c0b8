//! How a cluster's control log begins: one decision, by a majority of the nodes that an operator listed.
//!
//! An empty disk never founds alone. It asks everyone in its list:
//!
//! 1. Someone is in a group already: it joins that, and founds nothing for as long as this disk lives.
//! 2. Fewer than a majority answer, or some are silent and [`patience`](super::ControlSettings::founding_patience_ms) is not over:
//!    it asks again.
//! 3. Else those that answered decide, by single-decree Paxos among the listed nodes: *prepare* makes a majority promise to hear no
//!    lower [`Ballot`], *accept* makes it write the [`Founding`] down, and whoever prepares later goes on with what was written
//!    down.
//!
//! A founding names the group, its first state and its voters by their disks: 1, 3 or 5 of those that promised. Every voter that
//! learns of it initializes raft with exactly these voters, which raft allows on any number of members as long as all say the
//! same; one that does not hear of it is told by the others' raft. Whoever leads writes the first state into the log; of several
//! the first counts.
//!
//! **Why there is one.** Two foundings would each need a majority of the list that accepted it, so some node accepted both. It
//! accepted the second under a higher ballot, whose proposer had promises of a majority, of which one had accepted the first (or
//! something later, which by induction was the first), and goes on with that. Promises and acceptances are durable before they are
//! answered, so a restart changes nothing, and ballots of one node differ by their round. It does not matter whether lists start
//! late or together. Once in a group, a disk answers with the group alone, so late nodes join.
//!
//! **What a wiped disk may do.** It has forgotten what it accepted, so it must not be what two majorities have in common.
//! It is, only if a majority of the listed nodes answers without any disk of the first founding among them: that takes as many lost
//! disks as a founding has more than half of the list, while the others are out of reach. For a list of which all nodes took part
//! that is a lost majority, which loses the log anyway. That is what patience is for: a founding by a bare majority, of which one
//! disk is lost before any other node heard of the group, is the one case in which one lost disk is too many.
//!
//! A founding may name the disk of a voter that is wiped before raft begins. Then it goes on with the other voters, who
//! replace it; if it was the only one, its node's new disk shows that it is gone (see `recovery`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    decided::Decided,
    machine::Machine,
    member::{Group, MemberId},
    voters::voter_count,
};
use crate::id::NodeId;

/// Orders attempts to found. No two nodes make the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Ballot {
    /// 0 is before all attempts.
    pub round: u32,
    /// Whose attempt it is.
    pub node: u32,
}

/// How a group begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Founding<D: Decided> {
    /// Its name.
    pub group: Group,
    /// The first state, or after a forced recovery those before it too.
    pub machine: Arc<Machine<D>>,
    /// Its first voters.
    pub voters: BTreeSet<MemberId>,
}

/// What one disk has said about the founding. Durable before it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Acceptor<D: Decided> {
    promised: Ballot,
    accepted: Option<(Ballot, Founding<D>)>,
}

/// What an acceptor answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Promise<D: Decided> {
    /// To prepare: it will hear nobody below, and this is what it accepted.
    Promised(Option<(Ballot, Founding<D>)>),
    /// To accept: it did.
    Accepted,
    /// It has promised this higher one.
    Higher(Ballot),
}

impl<D: Decided> Default for Acceptor<D> {
    fn default() -> Self {
        Self { promised: Ballot::default(), accepted: None }
    }
}

impl<D: Decided> Acceptor<D> {
    /// That of a disk for which a founding is settled.
    pub fn settled(founding: Founding<D>) -> Self {
        Self { promised: Ballot::default(), accepted: Some((Ballot::default(), founding)) }
    }

    /// What it accepted.
    pub fn accepted(&self) -> Option<&Founding<D>> {
        self.accepted.as_ref().map(|(_, founding)| founding)
    }

    /// The highest ballot that it heard of.
    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// Hears of an attempt.
    pub fn prepare(&mut self, ballot: Ballot) -> Promise<D> {
        if ballot < self.promised {
            return Promise::Higher(self.promised);
        }
        self.promised = ballot;
        Promise::Promised(self.accepted.clone())
    }

    /// Is asked to accept.
    pub fn accept(&mut self, ballot: Ballot, founding: Founding<D>) -> Promise<D> {
        if ballot < self.promised {
            return Promise::Higher(self.promised);
        }
        self.promised = ballot;
        self.accepted = Some((ballot, founding));
        Promise::Accepted
    }
}

/// What the promises to one attempt allow.
#[derive(Debug, Default)]
pub struct Promises<D: Decided> {
    members: BTreeMap<NodeId, MemberId>,
    accepted: Option<(Ballot, Founding<D>)>,
}

impl<D: Decided> Promises<D> {
    /// Nobody promised yet.
    pub fn none() -> Self {
        Self { members: BTreeMap::new(), accepted: None }
    }

    /// Counts a promise.
    pub fn add(&mut self, member: MemberId, accepted: Option<(Ballot, Founding<D>)>) {
        self.members.insert(member.node, member);
        if accepted.as_ref().map(|(ballot, _)| *ballot) > self.accepted.as_ref().map(|(ballot, _)| *ballot) {
            self.accepted = accepted;
        }
    }

    /// How many nodes promised.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// What is to be accepted: what was accepted before, else something new.
    pub fn founding(self, new: impl FnOnce(BTreeSet<MemberId>) -> Founding<D>) -> Founding<D> {
        match self.accepted {
            Some((_, founding)) => founding,
            None => {
                let voters = self.members.values().take(voter_count(self.members.len())).copied().collect();
                new(voters)
            }
        }
    }
}

/// How many of so many listed nodes are a majority.
pub fn majority(listed: usize) -> usize {
    listed / 2 + 1
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, seq::IndexedRandom};
    use rand_chacha::ChaCha8Rng;

    use super::{super::sample::Sample, *};

    fn founding(nonce: u64, voters: BTreeSet<MemberId>) -> Founding<Sample> {
        let machine = Arc::new(Machine::founded(Sample::first(&nonce.to_string())));
        Founding { group: Group { generation: 0, nonce }, machine, voters }
    }

    /// One attempt of one node at nodes that each answer or not, in both phases. Says what it believes to be settled.
    fn attempt(
        acceptors: &mut [Acceptor<Sample>],
        ballot: Ballot,
        nonce: u64,
        mut answers: impl FnMut() -> bool,
    ) -> Option<Founding<Sample>> {
        let mut promises = Promises::none();
        for (node, acceptor) in (0..).zip(acceptors.iter_mut()) {
            if answers()
                && let Promise::Promised(accepted) = acceptor.prepare(ballot)
                && answers()
            {
                promises.add(MemberId { node: NodeId(node), disk: node }, accepted);
            }
        }
        if promises.count() < majority(acceptors.len()) {
            return None;
        }
        let founding = promises.founding(|voters| founding(nonce, voters));
        let mut accepted = 0;
        for acceptor in acceptors.iter_mut() {
            let heard = answers() && acceptor.accept(ballot, founding.clone()) == Promise::Accepted;
            accepted += usize::from(heard && answers());
        }
        (accepted >= majority(acceptors.len())).then_some(founding)
    }

    #[test]
    fn of_many_attempts_all_that_are_settled_are_the_same() {
        let mut settled_runs = 0;
        for seed in 0..2_000 {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            let nodes = *[1, 2, 3, 4, 5].choose(&mut chance).expect("some");
            let mut acceptors = vec![Acceptor::<Sample>::default(); nodes];
            let mut settled: Option<Founding<Sample>> = None;
            for number in 1..20 {
                let ballot = Ballot { round: chance.random_range(1..10), node: chance.random_range(0..nodes as u32) };
                // Of one node all rounds differ: here by luck, or the attempt is left out.
                if acceptors.iter().any(|acceptor| acceptor.promised() == ballot) {
                    continue;
                }
                let of_this = attempt(&mut acceptors, ballot, number, || chance.random_bool(0.7));
                if let (Some(first), Some(second)) = (&settled, &of_this) {
                    assert_eq!(first, second, "seed {seed}");
                }
                settled = settled.or(of_this);
            }
            settled_runs += u32::from(settled.is_some());
        }
        assert!(settled_runs > 500, "{settled_runs}");
    }
}
