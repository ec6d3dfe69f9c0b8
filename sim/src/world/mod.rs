//! The simulated world: a network, disks and clocks that lie, under madsim's executor and simulated time.
//!
//! ```text
//!   SimEnv (one process)  --send, sleep-->  agenda: one heap of what is due  --pump-->  inboxes, wakers
//!        |        \                            ^
//!       disk     clock                      network: one directed link per pair of nodes
//! ```
//!
//! What outlives a process (links, disks, clocks) belongs to the node; what dies with it (inbox, tasks, timers) to its [`SimEnv`].
//! Faults are settings: [`Link`], [`DiskSettings`] and the clock calls, changed at any time by whoever plays the nemesis.
//! Architecture invariants: no task for a message, no wall clock, no randomness but the named streams, no hash map.

mod agenda;
mod clock;
mod contents;
mod disk;
mod env;
mod life;
mod network;

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::Event,
    runtime::{Incoming, Sent},
};
use madsim::runtime::Handle;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub use clock::{Clock, WALL_START_MS};
pub use contents::SECTOR_BYTES;
pub use disk::{Disk, DiskSettings, DiskStats, ProcessDisk, ProcessFile, Syncs};
pub use env::SimEnv;
pub use network::{Flow, Link, NetworkStats, Order};

use agenda::{Agenda, Due};
use env::{Sleep, Until};
use life::Life;
use network::{Network, Surroundings};

use crate::{
    observe::SharedObserver,
    streams::{Purpose, Streams},
    trace::{Entry, Trace},
};

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// It is killed; what it wrote is in the page cache and stays, not yet durable.
    Kill,
    /// Its machine loses power: what was not synced is lost or torn.
    PowerLoss,
}

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

    /// Ends a node's process, if it lives.
    pub fn end(&self, node: NodeId, death: Death) {
        let life = {
            let mut guard = self.state();
            let state = &mut *guard;
            let Some(life) = state.lives[row(node)].take() else { return };
            life.end();
            state.network.disconnect(row(node), &mut Surroundings { agenda: &mut state.agenda, trace: &mut state.trace });
            life
        };
        if death == Death::PowerLoss {
            self.disk(node).crash();
        }
        // Tasks that wait in madsim's list of the paused would be dropped under madsim's lock.
        Handle::current().resume(life.tasks.id());
        Handle::current().kill(life.tasks.id());
    }

    /// Whether a node's process lives. A paused one does.
    pub fn lives(&self, node: NodeId) -> bool {
        self.state().lives[row(node)].is_some()
    }

    /// Stops all tasks of a node's process, as a stop signal does: frames queue up, timers fire late.
    pub fn pause(&self, node: NodeId) {
        if let Some(life) = self.life(node) {
            Handle::current().pause(life.tasks.id());
        }
    }

    /// Lets a paused process go on.
    pub fn resume(&self, node: NodeId) {
        if let Some(life) = self.life(node) {
            Handle::current().resume(life.tasks.id());
        }
    }

    /// A node's disk, whether the node runs or not.
    pub fn disk(&self, node: NodeId) -> &Arc<Disk> {
        &self.disks[row(node)]
    }

    /// What a link does to frames now.
    pub fn link(&self, from: NodeId, to: NodeId) -> Link {
        self.state().network.link(row(from), row(to)).clone()
    }

    /// Changes what one directed link does to frames.
    pub fn change_link(&self, from: NodeId, to: NodeId, change: impl FnOnce(&mut Link)) {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut link = state.network.link(row(from), row(to)).clone();
        change(&mut link);
        let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
        state.network.change_link(row(from), row(to), link, &mut around);
    }

    /// Changes what all links do to frames.
    pub fn change_links(&self, mut change: impl FnMut(NodeId, NodeId, &mut Link)) {
        let numbers = 0..self.nodes() as u32;
        for from in numbers.clone().map(NodeId) {
            for to in numbers.clone().map(NodeId).filter(|to| *to != from) {
                self.change_link(from, to, |link| change(from, to, link));
            }
        }
    }

    /// What became of frames so far.
    pub fn network_stats(&self) -> NetworkStats {
        self.state().network.stats()
    }

    /// Changes a node's clocks.
    pub fn change_clock(&self, node: NodeId, change: ClockChange) {
        let mut state = self.state();
        let now_us = state.agenda.now_us();
        let clock = &mut state.clocks[row(node)];
        match change {
            ClockChange::Jump { by_ms } => clock.jump(by_ms),
            ClockChange::Drift { ppm } => clock.drift(now_us, ppm),
        }
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

/// What happens to a node's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockChange {
    /// The wall clock moves, forward or back.
    Jump {
        /// By so many milliseconds.
        by_ms: i64,
    },
    /// Both clocks run faster or slower from now on.
    Drift {
        /// By so many millionths; negative is slow.
        ppm: i64,
    },
}

/// What processes do, through their [`SimEnv`].
impl World {
    fn read_clock(&self, node: NodeId) -> (u64, u64) {
        let state = self.state();
        let now_us = state.agenda.now_us();
        let clock = &state.clocks[row(node)];
        (clock.local_us(now_us), clock.wall_ms(now_us))
    }

    fn random(&self, node: NodeId) -> u64 {
        self.state().randoms[row(node)].random()
    }

    fn send(&self, from: NodeId, to: NodeId, frame: Bytes) -> Sent {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
        state.network.send(row(from), row(to), frame, &mut around)
    }

    fn poll_receive(&self, node: NodeId, incarnation: u64, context: &mut Context<'_>) -> Poll<Incoming> {
        self.state().network.poll_receive(row(node), incarnation, context)
    }

    fn observe(&self, node: NodeId, event: &Event) {
        let now_us = {
            let mut state = self.state();
            let now_us = state.agenda.now_us();
            state.trace.add(now_us, Entry::Event(node, event));
            now_us
        };
        let observer = lock(&self.observer).clone();
        if let Some(observer) = observer {
            lock(&observer).event(now_us, node, event);
        }
    }

    fn poll_sleep(&self, until: &Until, ticket: &mut Option<u64>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let now_us = state.agenda.now_us();
        let at_us = match *until {
            Until::True(at_us) => at_us,
            Until::Local(node, local_us) => state.clocks[row(node)].true_us(local_us),
        };
        if at_us <= now_us {
            return Poll::Ready(());
        }
        let sleeps = ticket.is_some_and(|ticket| state.agenda.still_sleeps(ticket, context.waker()));
        if !sleeps {
            *ticket = Some(state.agenda.sleep(at_us, context.waker().clone()));
        }
        Poll::Pending
    }

    fn cancel_sleep(&self, ticket: u64) {
        self.state().agenda.cancel(ticket);
    }

    /// The pump: does all that is due, and never ends.
    fn poll_agenda(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.agenda.attend(context.waker());
        let now_us = state.agenda.now_us();
        while let Some(due) = state.agenda.next_due(now_us) {
            match due {
                Due::Sleeper(ticket) => state.agenda.wake(ticket),
                Due::Parcel(parcel) => {
                    let mut around = Surroundings { agenda: &mut state.agenda, trace: &mut state.trace };
                    state.network.arrive(parcel, &mut around);
                }
            }
        }
        state.agenda.rest();
        Poll::Pending
    }
}

/// A node's place in tables.
fn row(node: NodeId) -> usize {
    node.0 as usize
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
