//! What happens when: frames on their way and sleepers, in one heap, and the time, which is that of what was taken from it last.
//!
//! Time stands still while tasks run, however many there are, and moves when the next entry is taken, which is when all tasks rest
//! (see `motor`). So what one task does takes no time from another, and when something happens depends on what led to it alone.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
    task::Waker,
};

use super::{
    motor::{Motor, Turn},
    network::Parcel,
};

/// Something that is due.
pub(super) enum Due {
    /// A frame arrives.
    Parcel(Parcel),
    /// A sleeper wakes: its ticket.
    Sleeper(u64),
    /// The sender of a frame on a cut link gives up on its connection.
    Timeout { from: usize, to: usize, at_us: u64 },
    /// A slow node is done with one thing.
    Turn { node: usize, at_us: u64 },
}

struct Entry {
    at_us: u64,
    /// Entries of one moment are done in the order in which they were made.
    number: u64,
    due: Due,
}

struct Sleeper {
    waker: Waker,
    /// On which node it sleeps, if on any.
    node: Option<usize>,
}

/// The heap, the sleepers, and the time.
pub(super) struct Agenda {
    now_us: u64,
    heap: BinaryHeap<Reverse<Entry>>,
    next_number: u64,
    sleepers: BTreeMap<u64, Sleeper>,
    motor: Motor,
}

impl Agenda {
    /// An empty agenda at time 0.
    pub fn new() -> Self {
        Self { now_us: 0, heap: BinaryHeap::new(), next_number: 0, sleepers: BTreeMap::new(), motor: Motor::new() }
    }

    /// True time since the start: when the entry that was taken last was due.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Adds something that is due at a true time, which is now if it has passed.
    pub fn add(&mut self, at_us: u64, due: Due) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.heap.push(Reverse(Entry { at_us: at_us.max(self.now_us), number, due }));
        self.motor.set();
        number
    }

    /// Has a waker called at a true time, on behalf of a node if one is named. The ticket takes it back.
    pub fn sleep(&mut self, at_us: u64, waker: Waker, node: Option<usize>) -> u64 {
        let ticket = self.next_number;
        self.sleepers.insert(ticket, Sleeper { waker, node });
        self.add(at_us, Due::Sleeper(ticket));
        ticket
    }

    /// Replaces the waker of a sleeper that is polled again. Returns whether it still sleeps.
    pub fn still_sleeps(&mut self, ticket: u64, waker: &Waker) -> bool {
        let sleeper = self.sleepers.get_mut(&ticket);
        sleeper.map(|sleeper| sleeper.waker.clone_from(waker)).is_some()
    }

    /// Takes a sleeper back.
    pub fn cancel(&mut self, ticket: u64) {
        self.sleepers.remove(&ticket);
    }

    /// Ends a sleeper's sleep. Returns whether it still slept.
    pub fn wake(&mut self, ticket: u64) -> bool {
        self.sleepers.remove(&ticket).map(|sleeper| sleeper.waker.wake()).is_some()
    }

    /// Wakes all who sleep on a node, to see what its clock says now.
    pub fn rouse(&mut self, node: usize) {
        let roused = self.sleepers.extract_if(.., |_, sleeper| sleeper.node == Some(node));
        roused.for_each(|(_, sleeper)| sleeper.waker.wake());
    }

    /// Wakes everybody, whatever for.
    pub fn wake_all(self) {
        self.sleepers.into_values().for_each(|sleeper| sleeper.waker.wake());
    }

    /// The node that something that is due has to do with: where a frame arrives, where a sleeper wakes.
    pub fn node_of(&self, due: &Due) -> Option<usize> {
        match due {
            Due::Parcel(parcel) => Some(parcel.to()),
            Due::Sleeper(ticket) => self.sleepers.get(ticket)?.node,
            Due::Timeout { .. } | Due::Turn { .. } => None,
        }
    }

    /// Whether something is due for nobody: a sleeper that was taken back.
    pub fn is_void(&self, due: &Due) -> bool {
        matches!(due, Due::Sleeper(ticket) if !self.sleepers.contains_key(ticket))
    }

    /// The driving task is here, and will be polled again when all rest, as long as something is due.
    pub fn attend(&mut self, driver: &Waker) -> Turn {
        let turn = self.motor.attend(driver);
        if !self.heap.is_empty() {
            self.motor.set();
        }
        turn
    }

    /// Takes the next entry, and moves the time to it.
    pub fn take_next(&mut self) -> Option<Due> {
        while let Some(Reverse(entry)) = self.heap.pop() {
            if !self.is_void(&entry.due) {
                self.now_us = entry.at_us;
                return Some(entry.due);
            }
        }
        None
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_us, self.number).cmp(&(other.at_us, other.number))
    }
}
