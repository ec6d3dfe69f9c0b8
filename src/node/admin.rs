//! What operators ask of the cluster: each request looks at the config, proposes what is missing, and is answered when the config says
//! that it is done. One after the other at this node; between nodes the config log decides.

use std::collections::VecDeque;

use super::{AdminCommand, Answer, Node, NotChanged, forward::Origin};
use crate::{
    error::Refusal,
    id::{Epoch, NodeId, ShardId},
    mutant::{Mutant, planted},
    placement::{Change, Config, Departure, Refused, Standing},
};

/// How long a request waits for an answer of the config log.
const MAJORITY_US: u64 = 4_000_000;
/// How long a request may take in all while the cluster makes progress.
const PATIENCE_US: u64 = 600_000_000;
/// The fewest live nodes of a shard.
const NODES_A_SHARD: usize = 2;

#[derive(Debug)]
struct Task {
    origin: Origin,
    command: AdminCommand,
    until_us: u64,
    /// When the config log is given up; put off by each new config.
    silent_until_us: u64,
    /// The epoch that this request made, once it has made one.
    made: Option<Epoch>,
    /// The number of its last proposal, until that is answered.
    proposal: Option<u64>,
    /// The config log found that what it proposed does not fit the newest config.
    refused: bool,
    /// A proposal of it had no answer: it may have been made, or be made yet.
    in_doubt: bool,
    /// The goal of the reshard that it waits for: its own, or one that was under way when it came.
    awaited: Option<u16>,
}

/// The requests, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: VecDeque<Task>,
    epoch: Epoch,
}

impl Tasks {
    pub fn deadline_us(&self) -> Option<u64> {
        self.tasks.front().map(|task| task.silent_until_us.min(task.until_us))
    }

    /// Notes which reshard each waits for, once the one before has come to its end.
    fn await_reshard(&mut self, config: &Config) {
        for task in &mut self.tasks {
            if task.awaited.is_none_or(|awaited| config.owning_shards() == awaited) {
                task.awaited = config.goal();
            }
        }
    }
}

/// What a request needs next.
enum Next {
    Answer(Answer),
    Refuse(Refusal),
    Propose(Change),
    Wait,
}

impl Node {
    pub(super) fn admin_request(&mut self, origin: Origin, command: AdminCommand) {
        if !self.plan.proposes {
            return self.answer(origin, Err(Refusal::NoMajority));
        }
        let now_us = self.now.monotonic_us;
        let (until_us, silent_until_us) = (now_us + PATIENCE_US, now_us + MAJORITY_US);
        let aborts = command == AdminCommand::AbortReshard;
        let task = Task {
            origin,
            command,
            until_us,
            silent_until_us,
            made: None,
            proposal: None,
            refused: false,
            in_doubt: false,
            awaited: None,
        };
        if aborts {
            // The reshard that it is about may wait here as the first one.
            self.admin.tasks.push_front(task);
        } else {
            self.admin.tasks.push_back(task);
        }
        self.keep_admin();
    }

    /// Looks at the first request when its time is up: else the tick that is due for it would be due for ever.
    pub(super) fn expire_admin(&mut self) {
        if self.admin.deadline_us().is_some_and(|deadline_us| deadline_us <= self.now.monotonic_us) {
            self.keep_admin();
        }
    }

    /// Takes the first request further.
    pub(super) fn keep_admin(&mut self) {
        let now_us = self.now.monotonic_us;
        let epoch = self.plan.config.epoch();
        let changed = std::mem::replace(&mut self.admin.epoch, epoch) != epoch;
        self.admin.await_reshard(&self.plan.config);
        while let Some(mut task) = self.admin.tasks.pop_front() {
            if changed {
                task.silent_until_us = now_us + MAJORITY_US;
            }
            match self.next_of(&task) {
                Next::Answer(answer) => self.answer(task.origin, Ok(answer)),
                Next::Refuse(refusal) => self.answer(task.origin, Err(refusal)),
                _ if now_us >= task.until_us => self.answer(task.origin, Err(Refusal::OutcomeUnknown)),
                Next::Propose(_) if now_us >= task.silent_until_us => self.answer(task.origin, Err(Refusal::NoMajority)),
                Next::Propose(change) => {
                    if let Some(number) = self.propose(change) {
                        task.in_doubt |= task.proposal.replace(number).is_some();
                        task.awaited = None;
                    }
                    return self.admin.tasks.push_front(task);
                }
                Next::Wait => {
                    task.silent_until_us = now_us + MAJORITY_US;
                    return self.admin.tasks.push_front(task);
                }
            }
        }
    }

    /// A proposal was answered: the request that it was made for learns it.
    pub(super) fn admin_proposed(&mut self, number: u64, outcome: Result<Epoch, NotChanged>) {
        let Some(place) = self.admin.tasks.iter().position(|task| task.proposal == Some(number)) else { return };
        let task = &mut self.admin.tasks[place];
        task.proposal = None;
        match outcome {
            Ok(epoch) => task.made = task.made.or(Some(epoch)),
            Err(NotChanged::Refused(Refused::LastReplica)) => {
                if let Some(task) = self.admin.tasks.remove(place) {
                    self.answer(task.origin, Err(Refusal::LastReplica));
                }
            }
            Err(NotChanged::Refused(_)) => task.refused = true,
            Err(NotChanged::Unknown) => task.in_doubt = true,
            Err(NotChanged::Conflict { .. }) => task.in_doubt |= planted(Mutant::ConflictClaimed),
        }
    }

    fn next_of(&self, task: &Task) -> Next {
        if task.made.is_some_and(|made| made > self.plan.config.epoch()) {
            return Next::Wait;
        }
        match &task.command {
            AdminCommand::AddNode(address) => self.add_node(task, address),
            AdminCommand::RemoveNode(address) => self.remove_node(task, address),
            AdminCommand::AddMember { address, shard } => self.add_member(address, *shard),
            AdminCommand::Reshard(shards) => self.reshard(task, *shards),
            AdminCommand::AbortReshard => self.abort_reshard(task),
        }
    }

    fn add_node(&self, task: &Task, address: &str) -> Next {
        match self.plan.config.by_address(address) {
            Some(member) if !member.removed => self.found_so(task, Next::Answer(Answer::AlreadySo)),
            _ => Next::Propose(Change::Introduce { address: address.to_owned() }),
        }
    }

    fn remove_node(&self, task: &Task, address: &str) -> Next {
        match self.plan.config.by_address(address).filter(|member| !member.removed) {
            None => self.found_so(task, Next::Refuse(Refusal::NoSuchNode)),
            Some(member) => match self.live_nodes().contains(&member.node) {
                true => Next::Propose(Change::Remove { node: member.node, how: Departure::Drain }),
                false if !self.knows_who_is_up() => Next::Wait,
                false => Next::Propose(Change::Remove { node: member.node, how: Departure::Cut }),
            },
        }
    }

    /// The config is as the request wants it. The request may have made it so, and the config may be here before the answer to its
    /// proposal; or somebody else has, and then it has nothing to claim.
    fn found_so(&self, task: &Task, by_somebody_else: Next) -> Next {
        match task.proposal {
            Some(number) if self.is_on_its_way(number) => Next::Wait,
            None if task.made.is_none() && !task.in_doubt => by_somebody_else,
            // Of a proposal without an answer nobody can say more than that things are as it wanted them.
            _ => Next::Answer(Answer::Changed),
        }
    }

    fn add_member(&self, address: &str, shard: ShardId) -> Next {
        let config = &self.plan.config;
        if !config.has_shard(shard) {
            return Next::Refuse(Refusal::NoSuchShard);
        }
        let Some(member) = config.by_address(address).filter(|member| !member.removed) else {
            return Next::Refuse(Refusal::NoSuchNode);
        };
        match config.seat(member.node) {
            Some(seat) if seat.shard == shard && seat.standing.writes() => Next::Answer(Answer::Changed),
            _ if !self.live_nodes().contains(&member.node) => match self.knows_who_is_up() {
                true => Next::Refuse(Refusal::NoSuchNode),
                false => Next::Wait,
            },
            Some(seat) if seat.standing == Standing::Serving => Next::Propose(Change::Leave { node: member.node }),
            Some(_) => Next::Wait,
            None => Next::Propose(Change::Join { node: member.node, shard }),
        }
    }

    fn reshard(&self, task: &Task, shards: u16) -> Next {
        let config = &self.plan.config;
        let awaited = if task.made.is_some() { Some(shards) } else { task.awaited };
        if awaited.is_some_and(|awaited| config.goal() != Some(awaited) && config.owning_shards() != awaited) {
            // Whoever called it off wants no other one to begin by itself.
            return Next::Refuse(Refusal::Overruled);
        }
        match (task.made, config.goal(), config.migration()) {
            (Some(_), goal, _) if goal != Some(shards) => Next::Answer(Answer::Changed),
            (None, None, None) if !self.knows_who_is_up() || self.waits_for_the_others_view(task) => Next::Wait,
            (None, None, None) => {
                let live = self.live_nodes();
                if live.len() < NODES_A_SHARD * usize::from(shards) {
                    return Next::Refuse(Refusal::NotEnoughNodes);
                }
                Next::Propose(Change::Reshard { shards, gone: self.gone_nodes() })
            }
            _ => Next::Wait,
        }
    }

    /// Answered once it is decided; nodes then go back by themselves. Whether there is a reshard, and how far it is, the config log
    /// says: this node may not have heard yet.
    fn abort_reshard(&self, task: &Task) -> Next {
        let config = &self.plan.config;
        match (config.goal(), config.migration()) {
            _ if task.made.is_some() => Next::Answer(Answer::Changed),
            _ if !task.refused => Next::Propose(Change::Abort),
            // What is there now may be what it made, or the end that the reshard came to.
            (_, None) if task.in_doubt => Next::Refuse(Refusal::OutcomeUnknown),
            (None, None) => Next::Refuse(Refusal::NoReshard),
            _ => Next::Refuse(Refusal::HandedOver),
        }
    }

    /// Nodes that half of all, or more, believe down and that their shard can do without: a reshard leaves them out.
    fn gone_nodes(&self) -> Vec<NodeId> {
        let (live, members) = (self.live_nodes(), self.members());
        let is_gone = |node: &NodeId| {
            let may_go = 2 * self.who_believe_down(*node, 0, &live) >= members && self.is_dispensable(*node, &live);
            may_go && self.plan.config.changed(&Change::Evict { node: *node }).is_ok()
        };
        self.silent_nodes().filter(is_gone).collect()
    }

    /// Nodes in a shard that this one believes down.
    fn silent_nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let live = self.live_nodes();
        let silent = self.plan.config.actors().filter(move |actor| actor.standing.writes() && !live.contains(&actor.node));
        silent.map(|actor| actor.node)
    }

    /// Whether others may be about to say that a node is down that this one believes so: for a while after the request.
    fn waits_for_the_others_view(&self, task: &Task) -> bool {
        let is_early = self.now.monotonic_us < task.until_us - PATIENCE_US + self.claim_lasts_us();
        is_early && 2 * self.live_nodes().len() >= self.members() && self.gone_nodes().len() < self.silent_nodes().count()
    }
}
