//! The simulated world: a network, disks and clocks that lie, under madsim's executor and simulated time.
//!
//! ```text
//!   SimEnv (one process)  --send, sleep-->  agenda: one heap of what is due  --pump-->  line of a slow node  -->  inboxes, wakers
//!        |        \                            ^                             ^
//!       disk     clock                      network: a link per pair       motor: when all tasks rest
//! ```
//!
//! What outlives a process (links, disks, clocks, pace) belongs to the node; what dies with it (inbox, tasks, timers) to its
//! [`SimEnv`]. A node is there from the start, and so are its links and its disk, whether a process of it ever runs or a config names
//! it. Faults are settings ([`Link`], [`DiskSettings`]) and events ([`Death`], [`ClockChange`]), done at any time by whoever plays the
//! nemesis (`faults`); each is a line of the trace.
//!
//! Architecture invariants: time moves only while all tasks rest, from one thing that is due to the next; chance is asked by event
//! (see [`streams`](crate::streams)); no task for a message, no wall clock, no hash map.

mod agenda;
mod clock;
mod contents;
mod disk;
mod disk_settings;
mod env;
mod faults;
mod inbox;
mod lane;
mod life;
mod line;
mod link;
mod motor;
mod network;
mod process;

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::id::NodeId;
use madsim::runtime::Handle;

pub use clock::{Clock, ClockChange, WALL_START_MS};
pub use contents::SECTOR_BYTES;
pub use disk::{ProcessDisk, ProcessFile};
pub use disk_settings::{DiskSettings, DiskStats, Rot, Syncs};
pub use env::SimEnv;
pub use faults::Death;
pub use link::{Flow, Link, NetworkStats, Order};

use agenda::Agenda;
use disk::Disk;
use env::{Sleep, Until};
use life::{Births, Life};
use line::Line;
use network::Network;

use crate::{
    observe::SharedObserver,
    streams::{Fork, Streams},
    trace::{Change, Entry, Trace},
};

struct State {
    agenda: Agenda,
    /// Nothing happens any more.
    closed: bool,
    network: Network,
    trace: Trace,
    clocks: Vec<Clock>,
    lines: Vec<Line>,
    lives: Vec<Option<Arc<Life>>>,
    births: Births,
    /// Where madsim's choices are to become others; `None` once they are.
    fork: Option<Fork>,
}

/// Everything around the nodes of one run.
pub struct World {
    state: Mutex<State>,
    streams: Streams,
    disks: Vec<Arc<Disk>>,
    observer: Mutex<Option<SharedObserver>>,
}

impl World {
    /// A healthy world for so many nodes, none of which runs. There may be more than a cluster is founded with: what a node is to
    /// others is for them to say. Call it inside a madsim runtime: its pump is a task there.
    pub fn start(nodes: usize, streams: Streams, trace: Trace) -> Arc<Self> {
        let world = Arc::new(Self {
            state: Mutex::new(State {
                agenda: Agenda::new(),
                closed: false,
                network: Network::new(nodes, streams),
                trace,
                clocks: vec![Clock::default(); nodes],
                lines: (0..nodes).map(|_| Line::default()).collect(),
                lives: vec![None; nodes],
                births: Births::new(nodes),
                fork: streams.fork(),
            }),
            streams,
            disks: (0..nodes as u32).map(|node| Arc::new(Disk::new(node, streams))).collect(),
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

    /// Lets go of everybody who waits for anything here, and of who listens: tasks hold the world, and the world their wakers, so
    /// neither would ever be freed. Nothing happens here any more.
    pub fn close(&self) {
        let observer = lock(&self.observer).take();
        let (agenda, lives) = {
            let mut state = self.state();
            state.closed = true;
            let none = vec![None; state.lives.len()];
            (std::mem::replace(&mut state.agenda, Agenda::new()), std::mem::replace(&mut state.lives, none))
        };
        // Without the lock: who is woken or freed may ask the world.
        agenda.wake_all();
        drop((observer, lives));
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.disks.len()
    }

    /// True time since the start. It stands still while tasks run.
    pub fn now_us(&self) -> u64 {
        self.state().agenda.now_us()
    }

    /// Waits for a true time span.
    pub fn sleep_us(self: &Arc<Self>, span_us: u64) -> impl Future<Output = ()> + Send + use<> {
        let until = Until::True(self.now_us().saturating_add(span_us));
        Sleep { world: self.clone(), until, node: None, ticket: None }
    }

    /// Waits for a true time span on a node: longer, if that is slow.
    fn sleep_on(self: &Arc<Self>, node: NodeId, span_us: u64) -> Sleep {
        let until = Until::True(self.now_us().saturating_add(span_us));
        Sleep { world: self.clone(), until, node: Some(node), ticket: None }
    }

    /// Waits until a node comes to what is asked of it: no time, unless it is slow.
    pub fn turn(self: &Arc<Self>, node: NodeId) -> impl Future<Output = ()> + Send + use<> {
        Sleep { world: self.clone(), until: Until::Turn, node: Some(node), ticket: None }
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
        let now_us = state.agenda.now_us();
        let life = Arc::new(Life::new(node, state.births.next(row(node), now_us), tasks));
        state.lives[row(node)] = Some(life.clone());
        state.network.connect(row(node), life.incarnation());
        let started_us = state.clocks[row(node)].local_us(now_us);
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

    /// A node is of an earlier version from now on: see [`older`](crate::older).
    pub fn pin(&self, node: NodeId) {
        self.state().network.pin(row(node));
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
