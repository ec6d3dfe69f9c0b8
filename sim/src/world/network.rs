//! The network between nodes: one directed link for each ordered pair, each with its own faults.
//!
//! A frame is judged twice. When it is sent: is it lost, doubled, damaged, delayed? When it arrives: is the link cut or held by
//! now, is the process that it was for still the same one? So a cut loses what is on its way, and a restart what was meant for the
//! process before.

use std::{
    collections::VecDeque,
    fmt,
    ops::RangeInclusive,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    runtime::{Incoming, Sent},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::agenda::{Agenda, Due};
use crate::trace::{Entry, Trace};

/// What a link does to frames. Every field is a fault; the default is a healthy link.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// How long a frame takes, in microseconds: drawn evenly for each.
    pub latency_us: RangeInclusive<u64>,
    /// The probability that a frame is lost; its sender does not learn of it.
    pub loss: f64,
    /// The probability that a frame arrives twice.
    pub duplication: f64,
    /// The probability that a bit of a frame flips: its checksum is wrong and the receiver drops it.
    pub damage: f64,
    /// Whether frames may overtake each other.
    pub order: Order,
    /// Whether frames pass at all.
    pub flow: Flow,
}

/// Whether frames of one link may overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// They arrive in the order in which they were sent, as over one TCP connection.
    Fifo,
    /// Each takes its own time.
    Any,
}

/// Whether frames pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// They do.
    Open,
    /// They are lost, those on their way too, and nobody is told.
    Cut,
    /// They are kept back, and arrive once the link is open again.
    Held,
}

impl Default for Link {
    fn default() -> Self {
        Self { latency_us: 200..=1_000, loss: 0.0, duplication: 0.0, damage: 0.0, order: Order::Fifo, flow: Flow::Open }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency_us, loss, duplication, damage, order, flow } = self;
        write!(f, "{}..{} us", latency_us.start(), latency_us.end())?;
        for (name, probability) in [("loss", loss), ("duplication", duplication), ("damage", damage)] {
            if *probability > 0.0 {
                write!(f, ", {name} {probability}")?;
            }
        }
        f.write_str(if *order == Order::Any { ", unordered" } else { "" })?;
        f.write_str(match flow {
            Flow::Open => "",
            Flow::Cut => ", cut",
            Flow::Held => ", held",
        })
    }
}

/// What became of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkStats {
    /// Frames that nodes sent.
    pub sent: u64,
    /// Frames that reached a process.
    pub delivered: u64,
    /// Frames lost by chance.
    pub lost: u64,
    /// Frames lost to a cut.
    pub cut: u64,
    /// Frames that were doubled.
    pub duplicated: u64,
    /// Frames whose checksum was wrong.
    pub damaged: u64,
    /// Frames that were held back.
    pub held: u64,
    /// Frames that arrived after one that was sent later on the same link.
    pub overtaken: u64,
    /// Frames refused because the receiver's process was dead.
    pub refused: u64,
    /// Frames that arrived after the process they were for had died.
    pub too_late: u64,
    /// Links that broke because a process died.
    pub links_broken: u64,
}

/// Something on its way.
pub(super) struct Parcel {
    from: usize,
    to: usize,
    /// The process that it is for.
    incarnation: u64,
    /// Its place among all that was sent.
    number: u64,
    cargo: Cargo,
}

#[derive(Clone)]
enum Cargo {
    Frame(Bytes),
    /// The sender's process died.
    Break,
}

#[derive(Default)]
struct Lane {
    link: Link,
    /// When the last frame arrives, or did: the next one of a FIFO link does not arrive before it.
    last_arrival_us: u64,
    /// The highest number that arrived.
    last_number: u64,
    held: VecDeque<Parcel>,
}

/// What came in and was not yet taken by the process, if there is one.
#[derive(Default)]
struct Inbox {
    /// The living process; `None` when there is none.
    incarnation: Option<u64>,
    queue: VecDeque<Incoming>,
    waiting: Option<Waker>,
}

/// What sending and arriving need beside the network itself.
pub(super) struct Surroundings<'a> {
    pub agenda: &'a mut Agenda,
    pub trace: &'a mut Trace,
}

/// All links and inboxes.
pub(super) struct Network {
    inboxes: Vec<Inbox>,
    /// Row: from; column: to.
    lanes: Vec<Lane>,
    random: ChaCha8Rng,
    next_number: u64,
    stats: NetworkStats,
}

impl Network {
    pub fn new(nodes: usize, random: ChaCha8Rng) -> Self {
        let mut network = Self { inboxes: vec![], lanes: vec![], random, next_number: 0, stats: NetworkStats::default() };
        network.inboxes.resize_with(nodes, Inbox::default);
        network.lanes.resize_with(nodes * nodes, Lane::default);
        network
    }

    pub fn stats(&self) -> NetworkStats {
        self.stats
    }

    pub fn link(&self, from: usize, to: usize) -> &Link {
        &self.lanes[from * self.inboxes.len() + to].link
    }

    /// Changes a link. What was held starts on its way when the link is open again, and is lost when it is cut.
    pub fn change_link(&mut self, from: usize, to: usize, link: Link, around: &mut Surroundings<'_>) {
        let lane = self.lane(from, to);
        lane.link = link;
        if lane.link.flow == Flow::Held {
            return;
        }
        for parcel in std::mem::take(&mut lane.held) {
            self.dispatch(parcel, around);
        }
    }

    /// A process takes the place of a node; it hears nothing that was sent to the one before.
    pub fn connect(&mut self, node: usize, incarnation: u64) {
        self.inboxes[node] = Inbox { incarnation: Some(incarnation), ..Inbox::default() };
    }

    /// A node's process is gone: its peers learn of it as far as their links let them.
    pub fn disconnect(&mut self, node: usize, around: &mut Surroundings<'_>) {
        self.inboxes[node] = Inbox::default();
        for peer in 0..self.inboxes.len() {
            if let Some(incarnation) = self.inboxes[peer].incarnation {
                self.stats.links_broken += 1;
                let number = self.number();
                self.dispatch(Parcel { from: node, to: peer, incarnation, number, cargo: Cargo::Break }, around);
            }
        }
    }

    pub fn send(&mut self, from: usize, to: usize, frame: Bytes, around: &mut Surroundings<'_>) -> Sent {
        self.stats.sent += 1;
        let link = self.link(from, to).clone();
        let names = (NodeId(from as u32), NodeId(to as u32));
        let fate = if link.flow == Flow::Cut {
            self.stats.cut += 1;
            Some("cut")
        } else if self.happens(link.loss) {
            self.stats.lost += 1;
            Some("by chance")
        } else {
            None
        };
        if let Some(why) = fate {
            around.trace.add(around.agenda.now_us(), Entry::Lost { from: names.0, to: names.1, why });
            return Sent::Handed;
        }
        let Some(incarnation) = self.inboxes[to].incarnation else {
            self.stats.refused += 1;
            return Sent::Not;
        };
        if self.happens(link.damage) {
            self.stats.damaged += 1;
            around.trace.add(around.agenda.now_us(), Entry::Lost { from: names.0, to: names.1, why: "damaged" });
            return Sent::Handed;
        }
        let number = self.number();
        if self.happens(link.duplication) {
            self.stats.duplicated += 1;
            self.dispatch(Parcel { from, to, incarnation, number, cargo: Cargo::Frame(frame.clone()) }, around);
        }
        self.dispatch(Parcel { from, to, incarnation, number, cargo: Cargo::Frame(frame) }, around);
        Sent::Handed
    }

    /// A parcel has reached the end of its way.
    pub fn arrive(&mut self, parcel: Parcel, around: &mut Surroundings<'_>) {
        let names = (NodeId(parcel.from as u32), NodeId(parcel.to as u32));
        let now_us = around.agenda.now_us();
        match self.link(parcel.from, parcel.to).flow {
            Flow::Open => {}
            Flow::Cut => {
                self.stats.cut += 1;
                return around.trace.add(now_us, Entry::Lost { from: names.0, to: names.1, why: "cut on its way" });
            }
            Flow::Held => return self.hold(parcel),
        }
        if self.inboxes[parcel.to].incarnation != Some(parcel.incarnation) {
            self.stats.too_late += 1;
            return around.trace.add(now_us, Entry::Lost { from: names.0, to: names.1, why: "its receiver died" });
        }
        let lane = self.lane(parcel.from, parcel.to);
        let overtaken = parcel.number < lane.last_number;
        lane.last_number = lane.last_number.max(parcel.number);
        let incoming = match parcel.cargo {
            Cargo::Frame(bytes) => {
                self.stats.delivered += 1;
                self.stats.overtaken += u64::from(overtaken);
                around.trace.add(now_us, Entry::Frame { from: names.0, to: names.1, bytes: &bytes });
                Incoming::Frame { from: names.0, bytes }
            }
            Cargo::Break => Incoming::LinkDown(names.0),
        };
        let inbox = &mut self.inboxes[parcel.to];
        inbox.queue.push_back(incoming);
        if let Some(waker) = inbox.waiting.take() {
            waker.wake();
        }
    }

    /// The next thing in a node's inbox, for the process that it is for.
    pub fn poll_receive(&mut self, node: usize, incarnation: u64, context: &mut Context<'_>) -> Poll<Incoming> {
        let inbox = &mut self.inboxes[node];
        if inbox.incarnation != Some(incarnation) {
            return Poll::Pending;
        }
        if let Some(incoming) = inbox.queue.pop_front() {
            return Poll::Ready(incoming);
        }
        inbox.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    /// Puts a parcel on its way, if the link lets it.
    fn dispatch(&mut self, parcel: Parcel, around: &mut Surroundings<'_>) {
        let lane = parcel.from * self.inboxes.len() + parcel.to;
        let lane = &mut self.lanes[lane];
        match lane.link.flow {
            Flow::Open => {}
            Flow::Cut => return self.stats.cut += 1,
            Flow::Held => return self.hold(parcel),
        }
        let mut at_us = around.agenda.now_us() + self.random.random_range(lane.link.latency_us.clone());
        if lane.link.order == Order::Fifo {
            at_us = at_us.max(lane.last_arrival_us);
        }
        lane.last_arrival_us = lane.last_arrival_us.max(at_us);
        around.agenda.add(at_us, Due::Parcel(parcel));
    }

    fn hold(&mut self, parcel: Parcel) {
        self.stats.held += 1;
        let lane = self.lane(parcel.from, parcel.to);
        let place = lane.held.partition_point(|held| held.number <= parcel.number);
        lane.held.insert(place, parcel);
    }

    fn lane(&mut self, from: usize, to: usize) -> &mut Lane {
        let nodes = self.inboxes.len();
        &mut self.lanes[from * nodes + to]
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.random_bool(probability)
    }
}
