//! The network between nodes: one directed link for each ordered pair, each with its own faults.
//!
//! A frame is judged twice. When it is sent: is it lost, doubled, damaged, how long is it on its way? All that is its fate, drawn by
//! sender, receiver and time, and by nothing that other links do. When it arrives: is the link cut or held by now, is the
//! process that it was for still the same one, do its bytes make sense? So a cut loses what is on its way, and a restart what was
//! meant for the process before.

use bytes::Bytes;
use causeway::{
    id::NodeId,
    runtime::{Incoming, Sent},
};

use super::{
    agenda::{Agenda, Due},
    inbox::Inbox,
    lane::{Cut, Lane},
    link::{Fate, Flip, Flow, Link, NetworkStats, Order},
    row,
};
use crate::{
    marks::{Sight, seen},
    older,
    streams::{Purpose, Streams},
    trace::{Entry, Trace},
};

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
    takes_us: u64,
    cargo: Cargo,
}

enum Cargo {
    Frame(Bytes, Option<Flip>),
    /// The sender's process died.
    Break,
}

impl Parcel {
    /// Whom it is for.
    pub fn to(&self) -> usize {
        self.to
    }

    /// Its place among all that was sent.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// What sending and arriving need beside the network itself.
pub(super) struct Surroundings<'a> {
    pub agenda: &'a mut Agenda,
    pub trace: &'a mut Trace,
}

impl Surroundings<'_> {
    fn note_loss(&mut self, (from, to): (usize, usize), sent_us: u64, why: &'static str) {
        self.trace.add(self.agenda.now_us(), Entry::Lost { from: name(from), to: name(to), sent_us, why });
    }
}

/// All links and inboxes.
pub(super) struct Network {
    inboxes: Vec<Inbox>,
    /// Row: from; column: to.
    lanes: Vec<Lane>,
    streams: Streams,
    next_number: u64,
    stats: NetworkStats,
    second: Second,
    /// A node of an earlier version: see [`older`].
    pinned: Option<usize>,
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
    pub fn new(nodes: usize, streams: Streams) -> Self {
        let mut network = Self {
            inboxes: vec![],
            lanes: vec![],
            streams,
            next_number: 0,
            stats: NetworkStats::default(),
            second: Second::default(),
            pinned: None,
        };
        network.inboxes.resize_with(nodes, Inbox::default);
        network.lanes.resize_with(nodes * nodes, Lane::default);
        network
    }

    pub fn stats(&self) -> NetworkStats {
        self.stats
    }

    /// A node is of an earlier version from now on.
    pub fn pin(&mut self, node: usize) {
        self.pinned = Some(node);
    }

    pub fn link(&self, from: usize, to: usize) -> &Link {
        &self.lanes[from * self.inboxes.len() + to].link
    }

    /// What came in for a node.
    pub fn inbox(&mut self, node: usize) -> &mut Inbox {
        &mut self.inboxes[node]
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
        self.inboxes[node] = Inbox::of(incarnation);
    }

    /// A node's process is gone: its peers learn of it as far as their links let them.
    pub fn disconnect(&mut self, node: usize, around: &mut Surroundings<'_>) {
        self.inboxes[node] = Inbox::default();
        for peer in 0..self.inboxes.len() {
            if self.inboxes[peer].incarnation().is_some() {
                self.stats.breaks += 1;
                let fate = self.fate(node, peer, around.agenda.now_us());
                let parcel = self.parcel((node, peer), Cargo::Break, (around.agenda.now_us(), fate.takes_us));
                self.dispatch(parcel, around);
            }
        }
    }

    /// The connection of a link is reset: what is on its way is lost, and both ends are told.
    pub fn reset(&mut self, from: usize, to: usize) {
        let lane = self.lane(from, to);
        lane.reconnect();
        lane.held.clear();
        self.tell_break(from, to);
        self.tell_break(to, from);
    }

    /// A frame on a cut link has been unanswered for too long.
    pub fn time_out(&mut self, from: usize, to: usize, at_us: u64) {
        let lane = self.lane(from, to);
        if lane.cut == (Cut::Waiting { until_us: at_us }) {
            lane.cut = Cut::Known;
            lane.reconnect();
            self.tell_break(from, to);
        }
    }

    /// Takes a frame.
    ///
    /// # Panics
    /// In a storm: nodes that answer each other without end would keep a run from ever ending.
    pub fn send(&mut self, from: NodeId, to: NodeId, frame: Bytes, around: &mut Surroundings<'_>) -> Sent {
        let (from, to) = (row(from), row(to));
        let now_us = around.agenda.now_us();
        self.stats.sent += 1;
        let storm = self.second.count(now_us) > STORM_FRAMES;
        assert!(!storm, "a storm of frames: the last of {STORM_FRAMES} within a second is n{from} > n{to}");
        let Some(frame) = self.known_to(from, frame) else {
            around.note_loss((from, to), now_us, "its sender's version has no such frame");
            return Sent::Handed;
        };
        let fate = self.fate(from, to, now_us);
        let lane = self.lane(from, to);
        if lane.link.flow == Flow::Cut {
            if lane.cut == Cut::Known {
                self.stats.refused += 1;
                return Sent::Not;
            }
            self.await_timeout(from, to, around);
            self.stats.cut += 1;
            around.note_loss((from, to), around.agenda.now_us(), "cut");
        } else if fate.lost {
            self.stats.lost += 1;
            around.note_loss((from, to), around.agenda.now_us(), "by chance");
        } else if self.inboxes[to].incarnation().is_none() {
            self.stats.refused += 1;
            return Sent::Not;
        } else {
            self.stats.damaged += u64::from(fate.flip.is_some());
            if let Some(takes_us) = fate.copy_takes_us {
                self.stats.duplicated += 1;
                let copy = self.parcel((from, to), Cargo::Frame(frame.clone(), None), (now_us, takes_us));
                self.dispatch(copy, around);
            }
            let parcel = self.parcel((from, to), Cargo::Frame(frame, fate.flip), (now_us, fate.takes_us));
            self.dispatch(parcel, around);
        }
        Sent::Handed
    }

    /// A parcel has reached the end of its way. Returns whether that woke someone.
    pub fn arrive(&mut self, parcel: Parcel, around: &mut Surroundings<'_>) -> bool {
        let (from, to, sent_us) = (parcel.from, parcel.to, parcel.sent_us);
        let receiver = self.inboxes[to].incarnation();
        let lane = self.lane(from, to);
        let (flow, same_connection) = (lane.link.flow, lane.connection == parcel.connection);
        let lost = if flow == Flow::Cut {
            self.stats.cut += 1;
            "cut on its way"
        } else if receiver != Some(parcel.incarnation) {
            self.stats.too_late += 1;
            "its receiver died"
        } else if !same_connection {
            self.stats.too_late += 1;
            "its connection broke"
        } else if flow == Flow::Held {
            lane.hold(parcel);
            self.stats.held += 1;
            return false;
        } else {
            return self.deliver(parcel, around);
        };
        around.note_loss((from, to), sent_us, lost);
        false
    }

    /// A parcel reaches the process that it is for.
    fn deliver(&mut self, parcel: Parcel, around: &mut Surroundings<'_>) -> bool {
        let (from, to, sent_us) = (parcel.from, parcel.to, parcel.sent_us);
        let Cargo::Frame(bytes, flip) = parcel.cargo else {
            return self.inboxes[to].put(Incoming::LinkDown(name(from)));
        };
        let lane = self.lane(from, to);
        match lane.read(bytes, flip) {
            Ok(Some(bytes)) => {
                let Some(bytes) = self.known_to(to, bytes) else {
                    around.note_loss((from, to), sent_us, "its receiver's version cannot read it");
                    return false;
                };
                let lane = self.lane(from, to);
                let overtaken = parcel.number < lane.last_number;
                lane.last_number = lane.last_number.max(parcel.number);
                self.stats.delivered += 1;
                self.stats.overtaken += u64::from(overtaken);
                let frame = Entry::Frame { from: name(from), to: name(to), sent_us, bytes: &bytes };
                around.trace.add(around.agenda.now_us(), frame);
                self.inboxes[to].put(Incoming::Frame { from: name(from), bytes })
            }
            Ok(None) => {
                self.stats.swallowed += u64::from(flip.is_none());
                around.note_loss((from, to), sent_us, "taken for a part of a damaged frame");
                false
            }
            Err(_) => {
                around.note_loss((from, to), sent_us, "damaged: the connection is closed");
                self.reset(from, to);
                true
            }
        }
    }

    /// What a node makes of a frame: all of it, unless the node is of an earlier version.
    fn known_to(&mut self, node: usize, frame: Bytes) -> Option<Bytes> {
        if self.pinned != Some(node) {
            return Some(frame);
        }
        let read = older::as_read(&frame);
        match &read {
            Some(read) => {
                seen(Sight::OlderHeard);
                self.stats.read_in_part += u64::from(*read != frame);
            }
            None => self.stats.unread += 1,
        }
        read
    }

    fn tell_break(&mut self, node: usize, peer: usize) {
        if self.inboxes[node].incarnation().is_some() {
            self.stats.breaks += 1;
            self.inboxes[node].put(Incoming::LinkDown(name(peer)));
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

    fn fate(&mut self, from: usize, to: usize, now_us: u64) -> Fate {
        let streams = self.streams.at(now_us);
        let lane = self.lane(from, to);
        let key = [from as u64, to as u64, now_us, lane.moment.next(now_us)];
        lane.link.fate(streams.keyed(Purpose::Network, key))
    }

    /// Something for the process that is at the other end now.
    fn parcel(&mut self, (from, to): (usize, usize), cargo: Cargo, (sent_us, takes_us): (u64, u64)) -> Parcel {
        self.next_number += 1;
        let incarnation = self.inboxes[to].incarnation().unwrap_or_default();
        let connection = self.lane(from, to).connection;
        Parcel { from, to, incarnation, connection, number: self.next_number, sent_us, takes_us, cargo }
    }

    /// Puts a parcel on its way, if the link lets it.
    fn dispatch(&mut self, parcel: Parcel, around: &mut Surroundings<'_>) {
        let lane = parcel.from * self.inboxes.len() + parcel.to;
        let lane = &mut self.lanes[lane];
        match lane.link.flow {
            Flow::Open => {}
            Flow::Cut => return self.stats.cut += 1,
            Flow::Held => {
                self.stats.held += 1;
                return lane.hold(parcel);
            }
        }
        let mut at_us = around.agenda.now_us() + parcel.takes_us;
        if lane.link.order == Order::Fifo {
            at_us = at_us.max(lane.last_arrival_us);
        }
        lane.last_arrival_us = lane.last_arrival_us.max(at_us);
        around.agenda.add(at_us, Due::Parcel(parcel));
    }

    fn lane(&mut self, from: usize, to: usize) -> &mut Lane {
        let nodes = self.inboxes.len();
        &mut self.lanes[from * nodes + to]
    }
}

fn name(node: usize) -> NodeId {
    NodeId(node as u32)
}
