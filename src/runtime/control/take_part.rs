//! What a member does beside answering: begin the log, make itself known, and, where it leads, keep the voters right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openraft::{
    ChangeMembers, Config, EmptyNode, SnapshotPolicy,
    async_runtime::watch::WatchReceiver,
    errors::{InitializeError, RaftError},
};
use openraft_rt::AsyncRuntime;

use super::{
    decided::Decided,
    founding::Founding,
    handle::Liveness,
    log_store::LogStore,
    machine_store::MachineStore,
    member::MemberId,
    network::Network,
    propose::leader,
    raft_runtime::EnvRuntime,
    room::{End, Room, Running},
    types::{Command, Raft},
    voters::{Known, Standing, Step, next_step},
    wire::Ask,
};
use crate::id::NodeId;

/// How often a member looks whether there is something to do.
const ROUND: Duration = Duration::from_millis(500);

/// How long one change of the members may take before others are tried.
const CHANGE: Duration = Duration::from_millis(3_000);

/// How long after its last word a disk is believed to be there.
const HEARD_US: u64 = 5_000_000;

/// For how long no leader speaks to a member before it doubts that the leader knows it.
const UNLED_US: u64 = 3_000_000;

/// By how many entries a learner may be behind and be ready to vote.
const READY_LAG: u64 = 16;

/// How many entries behind the snapshot the log keeps, for those that are a little behind.
const LOG_KEPT: u64 = 32;

impl<D: Decided> Room<D> {
    /// Starts raft from what is on the shelf. `None`: the file failed.
    pub(super) async fn start_raft(&self) -> Option<Running<D>> {
        let settings = &self.plan.settings;
        let config = Config {
            cluster_name: "causeway".to_owned(),
            heartbeat_interval: settings.heartbeat_ms,
            election_timeout_min: settings.election_min_ms,
            election_timeout_max: settings.election_max_ms,
            install_snapshot_timeout: 2_000,
            enable_pre_vote: Some(true),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(2 * LOG_KEPT),
            max_in_snapshot_log_to_keep: LOG_KEPT,
            ..Config::default()
        };
        let config = Arc::new(config.validate().expect("an operator's times are checked when they are read"));
        let shelf = self.shelf.bound();
        let machine = MachineStore::open(shelf.clone(), self.published.clone());
        let network = Network(self.desk.clone());
        let me = self.desk.member();
        let raft = Raft::<D>::new(me.number(), config, network, LogStore(shelf), machine.clone()).await.ok()?;
        Some(Running { raft, machine })
    }

    /// Goes on until raft fails.
    pub(super) async fn take_part(&self, running: &Running<D>) -> Option<End> {
        tokio::select! {
            biased;
            () = self.show(running) => None,
            end = self.do_rounds(running) => end,
        }
    }

    /// Keeps the status as raft knows it, until raft has ended.
    async fn show(&self, running: &Running<D>) {
        let mut metrics = running.raft.server_metrics();
        loop {
            let leader = metrics.borrow_and_update().current_leader.map(MemberId::from);
            let (voters, learners) = members(running);
            {
                let mut status = self.status();
                (status.leader, status.voters, status.learners) = (leader, voters, learners);
            }
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }

    async fn do_rounds(&self, running: &Running<D>) -> Option<End> {
        loop {
            let state = running.raft.metrics().borrow_watched().running_state.clone();
            state.ok()?;
            self.begin_log(running).await?;
            self.make_known(running);
            if self.is_heir(running) {
                return Some(End::Succeed);
            }
            if running.raft.is_leader() {
                self.keep_voters(running).await;
            }
            EnvRuntime::sleep(ROUND).await;
        }
    }

    /// Whoever knows how the log begins sees to it that it does: as a voter by beginning, as anyone by telling those who did not
    /// hear of it, and once someone leads by having the first state decided. `None`: the file failed.
    async fn begin_log(&self, running: &Running<D>) -> Option<()> {
        if running.machine.machine().current().is_some() {
            return Some(());
        }
        let Some(founding) = self.founding() else { return Some(()) };
        if members(running).0.is_empty() {
            if founding.voters.contains(&self.desk.member()) {
                self.initialize(running, &founding).await?;
            }
            for voter in founding.voters.iter().filter(|voter| voter.node != self.plan.me) {
                self.desk.tell(voter.node, Ask::Settled(founding.clone()));
            }
        }
        let Some(leader) = leader(running) else { return Some(()) };
        if leader == self.desk.member() {
            self.decide(running, Command::Found(founding.machine)).await;
        } else {
            let limit = Duration::from_millis(self.plan.settings.heartbeat_ms);
            let _ = self.desk.ask((leader.node, Some(leader)), Ask::Found(founding.machine), limit).await;
        }
        Some(())
    }

    async fn initialize(&self, running: &Running<D>, founding: &Founding<D>) -> Option<()> {
        let voters: BTreeMap<u64, EmptyNode> = founding.voters.iter().map(|voter| (voter.number(), EmptyNode::new())).collect();
        match running.raft.initialize(voters).await {
            // Raft may have heard from the others already.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Some(()),
            Err(_) => None,
        }
    }

    /// Says that it is there: to everyone as long as the log does not know it, or no leader speaks to it (a leader may have lost the
    /// entry that made it a member, where this node has it); where it leads, to nodes that the log does not know, which may be in
    /// an older generation.
    fn make_known(&self, running: &Running<D>) {
        let (voters, learners) = members(running);
        let me = self.desk.member();
        let is_leader = running.raft.is_leader();
        let is_unknown = !voters.contains(&me) && !learners.contains(&me);
        let is_stranger = is_unknown || (!is_leader && self.leaderless_us() > UNLED_US);
        let unknown = |node: &NodeId| !voters.iter().chain(&learners).any(|member| member.node == *node);
        for node in self.others().iter().filter(|node| is_stranger || (is_leader && unknown(node))) {
            self.desk.tell(*node, Ask::Hello);
        }
    }

    /// Whether the only voter's disk is lost, as its node's new disk shows, and this member is who goes on: the log decides nothing
    /// any more, and nobody else would do the same.
    fn is_heir(&self, running: &Running<D>) -> bool {
        let (mut voters, mut heirs) = members(running);
        if voters.is_empty() {
            // Raft never began.
            let Some(founding) = self.founding() else { return false };
            voters = founding.voters;
        }
        let Some(voter) = voters.pop_first().filter(|_| voters.is_empty()) else { return false };
        let is_lost = self.heard(HEARD_US).get(&voter.node).is_some_and(|heard| *heard != voter);
        heirs.retain(|heir| heir.node != voter.node);
        let first = heirs.first().map(|heir| heir.node);
        let first = first.or_else(|| self.plan.listed.iter().find(|node| **node != voter.node).copied());
        is_lost && self.leaderless_us() > UNLED_US && first == Some(self.plan.me)
    }

    async fn keep_voters(&self, running: &Running<D>) {
        let Some(step) = next_step(&self.known(running), self.desk.member()) else { return };
        let change = async {
            match step {
                Step::Learn(member) => {
                    let _ = running.raft.add_learner(member.number(), EmptyNode::new(), false).await;
                }
                Step::Vote(voters) => {
                    let voters = voters.into_iter().map(MemberId::number).collect();
                    let _ = running.raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), true).await;
                }
                Step::Forget(members) => {
                    let members = members.into_iter().map(MemberId::number).collect();
                    let _ = running.raft.change_membership(ChangeMembers::RemoveNodes(members), true).await;
                }
            }
        };
        // Without a majority it takes for ever. What comes of it is seen in the log.
        let _ = EnvRuntime::timeout(CHANGE, change).await;
    }

    fn known(&self, running: &Running<D>) -> Known {
        let now_us = self.now_us();
        let patience_us = self.plan.settings.replace_after_ms * 1_000;
        let standing = |liveness, since_us| match liveness {
            Liveness::Up => Standing::Up,
            Liveness::Down if now_us.saturating_sub(since_us) < patience_us => Standing::Down,
            Liveness::Down => Standing::Gone,
        };
        let nodes = self.beliefs().into_iter().map(|(node, (liveness, since_us))| (node, standing(liveness, since_us))).collect();
        let (voters, learners) = members(running);
        let metrics = running.raft.metrics().borrow_watched().clone();
        let last = metrics.last_log_index.unwrap_or_default();
        let replication = metrics.replication.unwrap_or_default();
        let ready = learners.iter().filter(|learner| {
            let matched = replication.get(&learner.number()).copied().flatten();
            matched.is_some_and(|matched| matched.index + READY_LAG >= last)
        });
        let ready = ready.copied().collect();
        Known { nodes, voters, learners, ready, heard: self.heard(HEARD_US) }
    }
}

/// Who votes and who learns, as far as this node knows: decided or not.
pub(super) fn members<D: Decided>(running: &Running<D>) -> (BTreeSet<MemberId>, BTreeSet<MemberId>) {
    let metrics = running.raft.server_metrics();
    let stored = metrics.borrow_watched().membership_config.clone();
    let membership: &openraft::Membership<u64, EmptyNode> = stored.membership();
    let voters = membership.voter_ids().map(MemberId::from).collect();
    let learners = membership.learner_ids().map(MemberId::from).collect();
    (voters, learners)
}
