//! From a proposal to its outcome: find who leads, hand it over, and be exact about what is known.

use std::time::Duration;

use openraft_rt::AsyncRuntime;

use super::{
    decided::{Decided, Outcome, Proposal, ProposeError},
    member::MemberId,
    raft_runtime::EnvRuntime,
    room::{Room, Running},
    types::Command,
    wire::{Answer, Ask},
};
use crate::id::Epoch;

/// How long one leader is given before it is asked who leads by now.
const TRY: Duration = Duration::from_millis(1_500);

/// How long to wait where nobody leads.
const LEADERLESS: Duration = Duration::from_millis(100);

impl<D: Decided> Room<D> {
    /// Has a change decided.
    pub(super) async fn propose(&self, proposal: Proposal<D::Change>) -> Result<Epoch, ProposeError<D::Refusal>> {
        let until_us = self.now_us() + self.plan.settings.propose_limit_ms * 1_000;
        // Whether someone may have taken it. Once that is so, only its outcome shows that it was not made: with the same operation
        // id, trying again does no harm.
        let mut handed_over = false;
        loop {
            match self.try_propose(&proposal).await {
                Answer::Outcome(Outcome::Made(epoch)) => return Ok(epoch),
                Answer::Outcome(Outcome::Conflict(current)) => return Err(ProposeError::Conflict { current }),
                Answer::Outcome(Outcome::Refused(refusal)) => return Err(ProposeError::Refused(refusal)),
                Answer::NotLeader => EnvRuntime::sleep(LEADERLESS).await,
                _ => {
                    handed_over = true;
                    EnvRuntime::sleep(LEADERLESS).await;
                }
            }
            if self.now_us() >= until_us {
                return Err(if handed_over { ProposeError::Unknown } else { ProposeError::NoMajority });
            }
        }
    }

    async fn try_propose(&self, proposal: &Proposal<D::Change>) -> Answer<D> {
        let Some(running) = self.running() else { return Answer::NotLeader };
        let Some(leader) = leader(&running) else { return Answer::NotLeader };
        if leader == self.desk.member() {
            return self.decide(&running, Command::Propose(proposal.clone())).await;
        }
        let answered = self.desk.ask((leader.node, Some(leader)), Ask::Propose(proposal.clone()), TRY).await;
        answered.map_or(Answer::Unknown, |answered| answered.answer)
    }

    /// As the leader: puts a command into the log and waits for what becomes of it.
    pub(super) async fn decide(&self, running: &Running<D>, command: Command<D>) -> Answer<D> {
        if !running.raft.is_leader() {
            return Answer::NotLeader;
        }
        match EnvRuntime::timeout(TRY, running.raft.client_write(command)).await {
            Ok(Ok(written)) => Answer::Outcome(written.data),
            // Raft may lose the lead with the entry in its log: then it may still be decided.
            Ok(Err(_)) | Err(_) => Answer::Unknown,
        }
    }
}

/// Who leads, as far as this node knows.
pub(super) fn leader<D: Decided>(running: &Running<D>) -> Option<MemberId> {
    use openraft::async_runtime::watch::WatchReceiver;
    running.raft.server_metrics().borrow_watched().current_leader.map(MemberId::from)
}
