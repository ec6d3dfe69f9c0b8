//! Nodes of a simulated world whose only traffic is the control log's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use causeway::{
    id::{Epoch, NodeId},
    runtime::{
        Env, Incoming,
        control::{
            self, Control, ControlLinks, ControlLog, ControlPlan, ControlSettings, Liveness, MemberId, OperationId, Proposal,
            ProposeError, sample::Sample,
        },
    },
};
use causeway_sim::{
    streams::Streams,
    trace::Trace,
    world::{Death, Flow, ProcessDisk, SimEnv, World},
};
use tokio::sync::mpsc;

use super::ledger::Ledger;

/// See the module.
pub struct Cluster {
    pub world: Arc<World>,
    pub ledger: Arc<Mutex<Ledger>>,
    pub settings: ControlSettings,
    /// What nodes that start are told about the list.
    pub listed: BTreeSet<NodeId>,
    running: BTreeMap<NodeId, (SimEnv, Control<Sample>)>,
    processes: u64,
    operations: u128,
}

pub fn node(number: u32) -> NodeId {
    NodeId(number)
}

pub fn nodes(count: u32) -> BTreeSet<NodeId> {
    (0..count).map(NodeId).collect()
}

impl Cluster {
    /// A world for so many nodes, of which none runs; all are listed.
    pub fn new(count: u32, streams: Streams) -> Self {
        Self {
            world: World::start(count as usize, streams, Trace::default()),
            ledger: Arc::default(),
            settings: ControlSettings::default(),
            listed: nodes(count),
            running: BTreeMap::new(),
            processes: 0,
            operations: 0,
        }
    }

    /// The same, with all of them started.
    pub fn started(count: u32, streams: Streams) -> Self {
        let mut cluster = Self::new(count, streams);
        for number in 0..count {
            cluster.start(node(number));
        }
        cluster
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no panic")
    }

    pub fn running(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.running.keys().copied()
    }

    pub fn control(&self, node: NodeId) -> &Control<Sample> {
        &self.running[&node].1
    }

    /// The disk of a node that runs.
    pub fn disk(&self, node: NodeId) -> ProcessDisk {
        self.running[&node].0.disk()
    }

    /// Starts a node's process.
    pub fn start(&mut self, node: NodeId) {
        let env = self.world.boot(node);
        self.processes += 1;
        let (to_room, incoming) = mpsc::unbounded_channel();
        let links = env.clone();
        let send = Arc::new(move |to, frame: Bytes| {
            assert!(frame.len() <= 256 << 10, "a frame of {} bytes holds up all others", frame.len());
            let _ = links.send(to, frame);
        });
        let plan = ControlPlan {
            me: node,
            listed: self.listed.clone(),
            first: Some(Sample::first(&format!("first by {node}"))),
            settings: self.settings.clone(),
        };
        let control = control::start(&env, plan, ControlLinks { send, incoming });
        let ear = env.clone();
        env.spawn(async move {
            loop {
                if let Incoming::Frame { from, bytes } = ear.receive().await {
                    let _ = to_room.send((from, bytes));
                }
            }
        });
        let (mut watch, ledger, process) = (control.watch(None), self.ledger.clone(), self.processes);
        env.spawn(async move {
            loop {
                let state = watch.changed().await;
                ledger.lock().expect("no panic").decided((node, process), &state);
            }
        });
        self.running.insert(node, (env, control));
        self.tell();
    }

    /// Ends a node's process.
    pub fn end(&mut self, node: NodeId, death: Death) {
        self.world.end(node, death);
        self.running.remove(&node);
        self.tell();
    }

    /// Ends a node's process and empties its disk.
    pub fn wipe(&mut self, node: NodeId) {
        self.end(node, Death::PowerLoss);
        self.world.wipe(node);
    }

    /// Tells every node which nodes there are, and which of them are up.
    pub fn tell(&self) {
        let liveness = |node: &NodeId| if self.running.contains_key(node) { Liveness::Up } else { Liveness::Down };
        let members: BTreeMap<NodeId, Liveness> = self.listed.iter().map(|node| (*node, liveness(node))).collect();
        for (_, control) in self.running.values() {
            control.members(members.clone());
        }
    }

    /// Cuts or opens all links between these nodes and the others, both ways.
    pub fn set_flow(&self, side: &BTreeSet<NodeId>, flow: Flow) {
        self.world.change_links(|from, to, link| {
            if side.contains(&from) != side.contains(&to) {
                link.flow = flow;
            }
        });
    }

    pub async fn sleep_ms(&self, ms: u64) {
        self.world.sleep_us(ms * 1_000).await;
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, limit_ms: u64, holds: impl Fn(&Self) -> bool) {
        let limit_us = self.world.now_us() + limit_ms * 1_000;
        while !holds(self) {
            if self.world.now_us() >= limit_us {
                let told: Vec<String> = self
                    .running
                    .iter()
                    .map(|(node, (_, control))| format!("{node}: {:?} {:?}", control.status(), control.current()))
                    .collect();
                panic!("not within {limit_ms} ms: {what}\n{}", told.join("\n"));
            }
            self.sleep_ms(20).await;
        }
    }

    /// Waits until all nodes that run agree on a state, know the same voters, and one of them leads.
    pub async fn settled(&self, limit_ms: u64) {
        self.until("all agree", limit_ms, |cluster| {
            let mut views = cluster.running.values().map(|(_, control)| {
                let status = control.status();
                (control.current(), status.leader, status.voters, status.learners)
            });
            let first = views.next().expect("someone runs");
            first.0.is_some() && first.1.is_some() && views.all(|view| view == first)
        })
        .await;
        // Those who listen at the nodes have their turn.
        self.sleep_ms(5).await;
    }

    /// The epoch that a node knows.
    pub fn epoch(&self, node: NodeId) -> Epoch {
        self.control(node).current().map(|state| state.epoch).unwrap_or_default()
    }

    /// Who leads, as far as a node that runs knows.
    pub fn leader(&self) -> Option<MemberId> {
        let mut leaders = self.running.values().filter_map(|(_, control)| {
            let status = control.status();
            status.leader.filter(|leader| status.member == Some(*leader))
        });
        leaders.next()
    }

    /// A name that no operation had.
    pub fn operation(&mut self) -> OperationId {
        self.operations += 1;
        OperationId(self.operations)
    }

    /// A change that nobody else proposes, for what a node believes to be the newest epoch.
    pub fn proposal(&mut self, node: NodeId) -> Proposal<String> {
        let (operation, expected) = (self.operation(), self.epoch(node));
        Proposal { operation, expected, change: format!("change {operation}") }
    }

    /// Proposes it at a node, and notes the answer.
    pub async fn propose(&self, node: NodeId, proposal: Proposal<String>) -> Result<Epoch, ProposeError<String>> {
        propose(self.control(node).clone(), self.ledger.clone(), proposal).await
    }

    /// Has a change made at a node, however often that takes.
    pub async fn make(&mut self, node: NodeId) -> Epoch {
        for _ in 0..20 {
            let proposal = self.proposal(node);
            if let Ok(epoch) = self.propose(node, proposal).await {
                return epoch;
            }
            self.sleep_ms(500).await;
        }
        panic!("no change was made at {node}");
    }
}

/// The same, for a task of its own.
pub async fn propose(
    control: Control<Sample>,
    ledger: Arc<Mutex<Ledger>>,
    proposal: Proposal<String>,
) -> Result<Epoch, ProposeError<String>> {
    ledger.lock().expect("no panic").asked(&proposal.change);
    let answer = control.propose(proposal.clone()).await;
    ledger.lock().expect("no panic").answered(&proposal.change, &answer);
    answer
}
