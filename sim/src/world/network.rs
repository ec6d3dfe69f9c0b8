//! The network between nodes: one directed link for each ordered pair, each with its own faults.
//!
//! A frame is judged twice. When it is sent: is it lost, doubled, damaged, delayed? When it arrives: is the link cut or held by
//! now, is the process that it was for still the same one? So a cut loses what is on its way, and a restart what was meant for the
//! process before.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    runtime::{Incoming, Sent},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    agenda::{Agenda, Due},
    link::{Flow, Link, NetworkStats, Order},
};
use crate::trace::{Entry, Trace};

/// How many frames all nodes together may send within a simulated second. No load of a simulation comes near it.
const STORM_FRAMES: u64 = 300_000;

/// Something on its way.
pub(super) struct Parcel {
    from: usize,
    to: usize,
    /// The process that it is for.
    incarnation: u64,
    /// The connection that it is on.
    connection: u64,
    /// Its place among all that was sent.
    number: u64,
    /// When it was sent.
    sent_us: u64,
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
    /// Counts the connections that carried this link: what was on its way over an older one is lost.
    connection: u64,
    /// What the sender knows of a cut.
    cut: Cut,
}

/// What the sender knows of a cut link.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Nothing: no frame was lost to it, or it is none.
    #[default]
    Unnoticed,
    /// A frame is unanswered, and will be given up then.
    Waiting {
        /// True time.
        until_us: u64,
    },
    /// The link broke.
    Known,
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
    second: Second,
}

/// The current second, for telling a storm of frames.
#[derive(Default)]
struct Second {
    number: u64,
    frames: u64,
}

impl Second {
    fn count(&mut self, now_us: u64) -> u64 {
        let number = now_us / 1_000_000;
        if number != self.number {
            *self = Self { number, frames: 0 };
        }
        self.frames += 1;
        self.frames
    }
}

impl Network {
    pub fn new(nodes: usize, random: ChaCha8Rng) -> Self {
        let mut network = Self {
            inboxes: vec![],
            lanes: vec![],
            random,
            next_number: 0,
            stats: NetworkStats::default(),
            second: Second::default(),
        };
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
        if lane.link.flow != link.flow {
            lane.cut = Cut::Unnoticed;
        }
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
            if self.inboxes[peer].incarnation.is_some() {
                self.stats.breaks += 1;
                let parcel = self.parcel(node, peer, around.agenda.now_us(), Cargo::Break);
                self.dispatch(parcel, around);
            }
        }
    }

    /// The connection of a link is reset: what is on its way is lost, and both ends are told.
    pub fn reset(&mut self, from: usize, to: usize) {
        self.lane(from, to).connection += 1;
        self.lane(from, to).held.clear();
        self.tell_break(from, to);
        self.tell_break(to, from);
    }

    /// A frame on a cut link has been unanswered for too long.
    pub fn time_out(&mut self, from: usize, to: usize, at_us: u64) {
        let lane = self.lane(from, to);
        if lane.cut == (Cut::Waiting { until_us: at_us }) {
            lane.cut = Cut::Known;
            lane.connection += 1;
            self.tell_break(from, to);
        }
    }

    /// Takes a frame.
    ///
    /// # Panics
    /// In a storm: nodes that answer each other without end would keep a run from ever ending.
    pub fn send(&mut self, from: usize, to: usize, frame: Bytes, around: &mut Surroundings<'_>) -> Sent {
        self.stats.sent += 1;
        let storm = self.second.count(around.agenda.now_us()) > STORM_FRAMES;
        assert!(!storm, "a storm of frames: the last of {STORM_FRAMES} within a second is n{from} > n{to}");
        let link = self.link(from, to).clone();
        let fate = if link.flow == Flow::Cut {
            if self.lane(from, to).cut == Cut::Known {
                self.stats.refused += 1;
                return Sent::Not;
            }
            self.await_timeout(from, to, around);
            self.stats.cut += 1;
            Some("cut")
        } else if self.happens(link.loss) {
            self.stats.lost += 1;
            Some("by chance")
        } else if self.inboxes[to].incarnation.is_none() {
            self.stats.refused += 1;
            return Sent::Not;
        } else if self.happens(link.damage) {
            self.stats.damaged += 1;
            Some("damaged")
        } else {
            None
        };
        if let Some(why) = fate {
            let (from, to) = (NodeId(from as u32), NodeId(to as u32));
            let sent_us = around.agenda.now_us();
            around.trace.add(sent_us, Entry::Lost { from, to, sent_us, why });
            return Sent::Handed;
        }
        if self.happens(link.duplication) {
            self.stats.duplicated += 1;
            let copy = self.parcel(from, to, around.agenda.now_us(), Cargo::Frame(frame.clone()));
            self.dispatch(copy, around);
        }
        let parcel = self.parcel(from, to, around.agenda.now_us(), Cargo::Frame(frame));
        self.dispatch(parcel, around);
        Sent::Handed
    }

    /// A parcel has reached the end of its way.
    pub fn arrive(&mut self, parcel: Parcel, around: &mut Surroundings<'_>) {
        let names = (NodeId(parcel.from as u32), NodeId(parcel.to as u32));
        let now_us = around.agenda.now_us();
        let lane = self.lane(parcel.from, parcel.to);
        let (flow, same_connection) = (lane.link.flow, lane.connection == parcel.connection);
        let lost = if flow == Flow::Cut {
            self.stats.cut += 1;
            Some("cut on its way")
        } else if self.inboxes[parcel.to].incarnation != Some(parcel.incarnation) {
            self.stats.too_late += 1;
            Some("its receiver died")
        } else if !same_connection {
            self.stats.too_late += 1;
            Some("its connection broke")
        } else {
            None
        };
        if let Some(why) = lost {
            return around.trace.add(now_us, Entry::Lost { from: names.0, to: names.1, sent_us: parcel.sent_us, why });
        }
        if flow == Flow::Held {
            return self.hold(parcel);
        }
        let lane = self.lane(parcel.from, parcel.to);
        let overtaken = parcel.number < lane.last_number;
        lane.last_number = lane.last_number.max(parcel.number);
        let incoming = match parcel.cargo {
            Cargo::Frame(bytes) => {
                self.stats.delivered += 1;
                self.stats.overtaken += u64::from(overtaken);
                around.trace.add(now_us, Entry::Frame { from: names.0, to: names.1, sent_us: parcel.sent_us, bytes: &bytes });
                Incoming::Frame { from: names.0, bytes }
            }
            Cargo::Break => Incoming::LinkDown(names.0),
        };
        self.put(parcel.to, incoming);
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

    fn put(&mut self, node: usize, incoming: Incoming) {
        let inbox = &mut self.inboxes[node];
        inbox.queue.push_back(incoming);
        if let Some(waker) = inbox.waiting.take() {
            waker.wake();
        }
    }

    fn tell_break(&mut self, node: usize, peer: usize) {
        if self.inboxes[node].incarnation.is_some() {
            self.stats.breaks += 1;
            self.put(node, Incoming::LinkDown(NodeId(peer as u32)));
        }
    }

    fn await_timeout(&mut self, from: usize, to: usize, around: &mut Surroundings<'_>) {
        let lane = self.lane(from, to);
        if lane.cut == Cut::Unnoticed {
            let at_us = around.agenda.now_us() + lane.link.timeout_us;
            lane.cut = Cut::Waiting { until_us: at_us };
            around.agenda.add(at_us, Due::Timeout { from, to, at_us });
        }
    }

    /// Something for the process that is at the other end now.
    fn parcel(&mut self, from: usize, to: usize, sent_us: u64, cargo: Cargo) -> Parcel {
        self.next_number += 1;
        let incarnation = self.inboxes[to].incarnation.unwrap_or_default();
        let connection = self.lane(from, to).connection;
        Parcel { from, to, incarnation, connection, number: self.next_number, sent_us, cargo }
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

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.random_bool(probability)
    }
}
