//! What happens when: frames on their way and sleepers, in one heap, driven by one task.
//!
//! madsim's timers can neither be taken back nor be set closer than a millisecond, and each costs a poll of whoever waits. So all
//! waiting in the simulated world goes through this heap, and madsim is asked only for the next moment at which something is due.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use madsim::time::TimeHandle;

use super::network::Parcel;

/// Something that is due.
pub(super) enum Due {
    /// A frame arrives.
    Parcel(Parcel),
    /// A sleeper wakes: its ticket.
    Sleeper(u64),
    /// The sender of a frame on a cut link gives up on its connection.
    Timeout { from: usize, to: usize, at_us: u64 },
}

struct Entry {
    at_us: u64,
    /// Entries of one moment are done in the order in which they were made.
    number: u64,
    due: Due,
}

/// The heap, the sleepers, and the alarm that wakes the task which drives them.
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    next_number: u64,
    sleepers: BTreeMap<u64, Waker>,
    time: TimeHandle,
    origin: Instant,
    pump: Waker,
    alarm_us: Option<u64>,
}

impl Agenda {
    /// An empty agenda; true time 0 is now.
    pub fn new() -> Self {
        let time = TimeHandle::current();
        Self {
            heap: BinaryHeap::new(),
            next_number: 0,
            sleepers: BTreeMap::new(),
            origin: time.now_instant(),
            time,
            pump: Waker::noop().clone(),
            alarm_us: None,
        }
    }

    /// True time since the start.
    pub fn now_us(&self) -> u64 {
        (self.time.now_instant() - self.origin).as_micros() as u64
    }

    /// Adds something that is due at a true time.
    pub fn add(&mut self, at_us: u64, due: Due) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.heap.push(Reverse(Entry { at_us, number, due }));
        self.set_alarm(at_us);
        number
    }

    /// Has a waker called at a true time. The ticket takes it back.
    pub fn sleep(&mut self, at_us: u64, waker: Waker) -> u64 {
        let ticket = self.next_number;
        self.sleepers.insert(ticket, waker);
        self.add(at_us, Due::Sleeper(ticket));
        ticket
    }

    /// Replaces the waker of a sleeper that is polled again. Returns whether it still sleeps.
    pub fn still_sleeps(&mut self, ticket: u64, waker: &Waker) -> bool {
        let sleeper = self.sleepers.get_mut(&ticket);
        sleeper.map(|old| old.clone_from(waker)).is_some()
    }

    /// Takes a sleeper back.
    pub fn cancel(&mut self, ticket: u64) {
        self.sleepers.remove(&ticket);
    }

    /// Ends a sleeper's sleep.
    pub fn wake(&mut self, ticket: u64) {
        if let Some(waker) = self.sleepers.remove(&ticket) {
            waker.wake();
        }
    }

    /// The driving task is here, and will be woken at the next alarm.
    pub fn attend(&mut self, pump: &Waker) {
        self.pump.clone_from(pump);
        self.alarm_us = None;
    }

    /// The next thing that is due by now.
    pub fn next_due(&mut self, now_us: u64) -> Option<Due> {
        let Reverse(next) = self.heap.peek()?;
        if next.at_us <= now_us { self.heap.pop().map(|Reverse(entry)| entry.due) } else { None }
    }

    /// Sets the alarm to whatever comes next.
    pub fn rest(&mut self) {
        while let Some(Reverse(next)) = self.heap.peek() {
            let cancelled = matches!(next.due, Due::Sleeper(ticket) if !self.sleepers.contains_key(&ticket));
            if !cancelled {
                let at_us = next.at_us;
                return self.set_alarm(at_us);
            }
            self.heap.pop();
        }
    }

    fn set_alarm(&mut self, at_us: u64) {
        if self.alarm_us.is_some_and(|alarm_us| alarm_us <= at_us) {
            return;
        }
        self.alarm_us = Some(at_us);
        // Polled once with the driving task's waker, a madsim sleep leaves its timer behind: no task is needed to hold it.
        let mut sleep = pin!(self.time.sleep(Duration::ZERO));
        sleep.as_mut().reset(self.origin + Duration::from_micros(at_us));
        if sleep.poll(&mut Context::from_waker(&self.pump)).is_ready() {
            self.pump.wake_by_ref();
        }
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
