//! The simulated world: a network, disks and clocks that lie, under madsim's executor and simulated time.
//!
//! ```text
//!   SimEnv (one process)  --send, sleep-->  agenda: one heap of what is due  --pump-->  inboxes, wakers
//!        |        \                            ^
//!       disk     clock                      network: one directed link per pair of nodes
//! ```
//!
//! What outlives a process (links, disks, clocks) belongs to the node; what dies with it (inbox, tasks, timers) to its [`SimEnv`].
//! Faults are settings ([`Link`], [`DiskSettings`]) and events ([`Death`], [`ClockChange`]), done at any time by whoever plays the
//! nemesis (`faults`); each is a line of the trace.
//! Architecture invariants: no task for a message, no wall clock, no randomness but the named streams, no hash map.

mod agenda;
mod clock;
mod contents;
mod disk;
mod env;
mod faults;
mod life;
mod link;
mod network;
mod process;

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::id::NodeId;
use madsim::runtime::Handle;
use rand_chacha::ChaCha8Rng;

pub use clock::{Clock, ClockChange, WALL_START_MS};
pub use contents::SECTOR_BYTES;
pub use disk::{DiskSettings, DiskStats, ProcessDisk, ProcessFile, Rot, Syncs};
pub use env::SimEnv;
pub use faults::Death;
pub use link::{Flow, Link, NetworkStats, Order};

use agenda::Agenda;
use disk::Disk;
use env::{Sleep, Until};
use life::Life;
use network::Network;

use crate::{
    observe::SharedObserver,
    streams::{Purpose, Streams},
    trace::{Change, Entry, Trace},
};

struct State {
    agenda: Agenda,
    network: Network,
    trace: Trace,
    clocks: Vec<Clock>,
    randoms: Vec<ChaCha8Rng>,
    lives: Vec<Option<Arc<Life>>>,
    incarnations: u64,
}

/// Everything around the nodes of one run.
pub struct World {
    state: Mutex<State>,
    disks: Vec<Arc<Disk>>,
    observer: Mutex<Option<SharedObserver>>,
}

impl World {
    /// A healthy world for so many nodes, none of which runs. Call it inside a madsim runtime: its pump is a task there.
    pub fn start(nodes: usize, streams: Streams, trace: Trace) -> Arc<Self> {
        let numbers = 0..nodes as u32;
        let world = Arc::new(Self {
            state: Mutex::new(State {
                agenda: Agenda::new(),
                network: Network::new(nodes, streams.stream(Purpose::Network)),
                trace,
                clocks: vec![Clock::default(); nodes],
                randoms: numbers.clone().map(|node| streams.numbered(Purpose::Node, node)).collect(),
                lives: vec![None; nodes],
                incarnations: 0,
            }),
            disks: numbers.map(|node| Arc::new(Disk::new(streams.numbered(Purpose::Disk, node)))).collect(),
            observer: Mutex::new(None),
        });
        let pump = world.clone();
        madsim::task::spawn(async move { poll_fn(|context| pump.poll_agenda(context)).await });
        world
    }

    /// Lets someone listen to what nodes say happened.
    pub fn observe_with(&self, observer: SharedObserver) {
        *lock(&self.observer) = Some(observer);
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.disks.len()
    }

    /// True time since the start.
    pub fn now_us(&self) -> u64 {
        self.state().agenda.now_us()
    }

    /// Waits for a true time span.
    pub fn sleep_us(self: &Arc<Self>, span_us: u64) -> impl Future<Output = ()> + Send + use<> {
        let until = Until::True(self.now_us() + span_us);
        Sleep { world: self.clone(), until, ticket: None }
    }

    /// A new process of a node, after the end of the one before.
    ///
    /// # Panics
    /// If the node's process lives.
    pub fn boot(self: &Arc<Self>, node: NodeId) -> SimEnv {
        let tasks = Handle::current().create_node().name(node.to_string()).build();
        self.note(Entry::Change(&Change::Up { node }));
        let mut state = self.state();
        assert!(state.lives[row(node)].is_none(), "{node} is up already");
        state.incarnations += 1;
        let life = Arc::new(Life::new(state.incarnations, tasks));
        state.lives[row(node)] = Some(life.clone());
        let incarnation = state.incarnations;
        state.network.connect(row(node), incarnation);
        let started_us = state.clocks[row(node)].local_us(state.agenda.now_us());
        SimEnv { world: self.clone(), node, life, started_us }
    }

    /// Runs a task in a node's process, if one lives.
    pub fn spawn_on(&self, node: NodeId, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(life) = self.life(node) {
            life.tasks.spawn(task);
        }
    }

    /// Whether a node's process lives. A paused one does.
    pub fn lives(&self, node: NodeId) -> bool {
        self.state().lives[row(node)].is_some()
    }

    /// What became of frames so far.
    pub fn network_stats(&self) -> NetworkStats {
        self.state().network.stats()
    }

    /// What became of a node's disk so far.
    pub fn disk_stats(&self, node: NodeId) -> DiskStats {
        self.disks[row(node)].stats()
    }

    /// The sizes of all files on a node's disk together.
    pub fn disk_used_bytes(&self, node: NodeId) -> u64 {
        self.disks[row(node)].used_bytes()
    }

    /// Adds to the trace.
    pub fn note(&self, entry: Entry<'_>) {
        let mut state = self.state();
        let now_us = state.agenda.now_us();
        state.trace.add(now_us, entry);
    }

    /// Reads the trace.
    pub fn with_trace<T>(&self, read: impl FnOnce(&mut Trace) -> T) -> T {
        read(&mut self.state().trace)
    }

    fn life(&self, node: NodeId) -> Option<Arc<Life>> {
        self.state().lives[row(node)].clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A node's place in tables.
fn row(node: NodeId) -> usize {
    node.0 as usize
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
