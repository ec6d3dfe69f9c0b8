//! The online checker: judges while it happens, by stamps, in memory that does not grow with the length.
//!
//! The store tells the place of each write in its own order of writes, the *stamp*. Two laws are enough. A1: a session's new write
//! has a larger stamp than all in its past. A2: a read returns a version whose stamp is not below the largest of its key in the
//! reader's past. Together they prove causal convergence with the store's order as the witness, so there is no graph and nothing
//! to search.
//!
//! Operations come in an order in which a write comes before the reads that saw it. A write is noted when it is begun, and is in
//! its session's past once it is acknowledged; one that never is counts in the past of whoever read it, as a sighting there.
//! What every session has seen replaced (the *stable frontier*) is dropped; who reads it later has read something stale.

mod clocks;
mod kept;

use std::fmt;

use super::Guarantee;
use clocks::Clocks;
use kept::{Kept, Key};

/// Operations between two looks for what can be dropped.
const SWEEP: u32 = 4096;

/// The place of a write in the store's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// A clock of the store's.
    pub time: u64,
    /// Who wrote at that time.
    pub origin: u32,
}

/// What a write leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A value.
    Value,
    /// A tombstone.
    Tombstone,
}

/// What a read returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The version with this stamp.
    Version(Stamp),
    /// Nothing: the initial state, or a tombstone; which, is not told.
    Absent,
}

/// What does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A1: a write's stamp is not above its session's past.
    StampBelowPast {
        /// Who wrote.
        session: u32,
        /// The stamp.
        stamp: Stamp,
        /// What is in the past.
        past: Stamp,
        /// Monotonic writes, or writes-follow-reads.
        guarantee: Guarantee,
    },
    /// A1: two writes of a key have one stamp.
    StampTwice {
        /// The key.
        key: u32,
        /// The stamp.
        stamp: Stamp,
    },
    /// A2: a read returned something older than its past.
    Stale {
        /// Who read.
        session: u32,
        /// The key.
        key: u32,
        /// What was returned.
        seen: Seen,
        /// What is in the past.
        newer: Stamp,
        /// The weakest promise that is broken.
        guarantee: Guarantee,
    },
    /// A read returned a version that nobody wrote.
    NobodyWrote {
        /// The key.
        key: u32,
        /// The stamp.
        stamp: Stamp,
    },
}

/// The checker. Sessions are numbered from 0, and all are known from the start; keys are small numbers.
#[derive(Debug)]
pub struct Online {
    clocks: Clocks,
    keys: Vec<Key>,
    /// The largest stamp in each session's past, and of its own writes.
    newest: Vec<Stamp>,
    newest_own: Vec<Stamp>,
    /// For each key and session the largest stamp that it read there.
    read: Vec<Stamp>,
    /// Keys with more than one version.
    crowded: Vec<u32>,
    until_sweep: u32,
}

impl Online {
    /// Nothing has happened yet.
    pub fn new(sessions: usize) -> Self {
        Self {
            clocks: Clocks::new(sessions),
            keys: Vec::new(),
            newest: vec![Stamp::default(); sessions],
            newest_own: vec![Stamp::default(); sessions],
            read: Vec::new(),
            crowded: Vec::new(),
            until_sweep: SWEEP,
        }
    }

    /// A session has written, and knows it.
    ///
    /// # Errors
    /// A1 does not hold.
    pub fn write(&mut self, session: u32, key: u32, stamp: Stamp, written: Written) -> Result<(), Violation> {
        self.begin(session, key, stamp, written)?;
        self.acknowledge(session, key, stamp);
        Ok(())
    }

    /// A session's write got a stamp; whether the session will hear of it is open.
    ///
    /// # Errors
    /// A1 does not hold.
    pub fn begin(&mut self, session: u32, key: u32, stamp: Stamp, written: Written) -> Result<(), Violation> {
        let past = self.newest[session as usize];
        if stamp <= past {
            let own = self.newest_own[session as usize] >= stamp;
            let guarantee = if own { Guarantee::MonotonicWrites } else { Guarantee::WritesFollowReads };
            return Err(Violation::StampBelowPast { session, stamp, past, guarantee });
        }
        self.know(key);
        let image = self.clocks.image(session);
        let kept = Kept::new(stamp, session, self.clocks.events(session), image, written);
        let list = &mut self.keys[key as usize];
        if !list.insert(kept) {
            self.clocks.release(image);
            return Err(Violation::StampTwice { key, stamp });
        }
        if list.is_newly_crowded() {
            self.crowded.push(key);
        }
        self.step();
        Ok(())
    }

    /// The session hears that its write was done. Only before its next operation: after that the write stays open.
    pub fn acknowledge(&mut self, session: u32, key: u32, stamp: Stamp) {
        let events = self.clocks.events(session);
        let Some(kept) = self.keys.get_mut(key as usize).and_then(|list| list.open_of(session, stamp)) else { return };
        if kept.before() != events {
            return;
        }
        kept.close();
        self.clocks.happened(session);
        self.newest[session as usize] = stamp;
        self.newest_own[session as usize] = stamp;
    }

    /// A session read a key.
    ///
    /// # Errors
    /// A2 does not hold.
    pub fn read(&mut self, session: u32, key: u32, seen: Seen) -> Result<(), Violation> {
        self.know(key);
        let place = self.find(key, seen)?;
        self.judge(session, key, seen, place)?;
        if let Some(place) = place {
            self.take_in(session, key, place);
        }
        self.step();
        Ok(())
    }

    /// A session read several keys at once, from one snapshot.
    ///
    /// # Errors
    /// A2 does not hold.
    pub fn read_all(&mut self, session: u32, reads: &[(u32, Seen)]) -> Result<(), Violation> {
        for (key, seen) in reads {
            self.know(*key);
            if let Some(place) = self.find(*key, *seen)? {
                self.take_in(session, *key, place);
            }
        }
        for (key, seen) in reads {
            let place = self.find(*key, *seen)?;
            self.judge(session, *key, *seen, place)?;
        }
        self.step();
        Ok(())
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        let lists: usize = self.keys.iter().map(Key::bytes).sum();
        let stamps = self.newest.capacity() + self.newest_own.capacity() + self.read.capacity();
        self.clocks.bytes() + lists + stamps * size_of::<Stamp>() + self.crowded.capacity() * size_of::<u32>()
    }

    fn know(&mut self, key: u32) {
        if key as usize >= self.keys.len() {
            self.keys.resize_with(key as usize + 1, Key::default);
            self.read.resize(self.keys.len() * self.newest.len(), Stamp::default());
        }
    }

    /// Where the returned version is in the key's list.
    fn find(&self, key: u32, seen: Seen) -> Result<Option<usize>, Violation> {
        let Seen::Version(stamp) = seen else { return Ok(None) };
        let list = &self.keys[key as usize];
        match list.find(stamp) {
            Some(place) => Ok(Some(place)),
            None if list.dropped() >= Some(stamp) => Ok(None),
            None => Err(Violation::NobodyWrote { key, stamp }),
        }
    }

    fn judge(&self, session: u32, key: u32, seen: Seen, place: Option<usize>) -> Result<(), Violation> {
        let list = &self.keys[key as usize];
        let newer = match (seen, place) {
            (Seen::Version(_), Some(place)) => list.newer(place).find(|kept| self.clocks.has(session, kept)),
            // Everybody has seen it replaced.
            (Seen::Version(_), None) => list.newest_first().find(|kept| self.clocks.has(session, kept)),
            (Seen::Absent, _) => {
                let newest = list.newest_first().find(|kept| self.clocks.has(session, kept));
                let is_excused = |newest: &&Kept| newest.is_tombstone() || list.has_tombstone_above(newest.stamp());
                newest.filter(|newest| !is_excused(newest))
            }
        };
        let Some(newer) = newer else { return Ok(()) };
        let returned = if let Seen::Version(stamp) = seen { stamp } else { Stamp::default() };
        let guarantee = self.weakest(session, key, returned, newer);
        Err(Violation::Stale { session, key, seen, newer: newer.stamp(), guarantee })
    }

    fn weakest(&self, session: u32, key: u32, returned: Stamp, newer: &Kept) -> Guarantee {
        if newer.session() == session && !newer.is_sighting() {
            Guarantee::ReadYourWrites
        } else if self.read[self.mark(session, key)] > returned {
            Guarantee::MonotonicReads
        } else if self.clocks.has_read_from(session, newer) {
            Guarantee::MonotonicWrites
        } else {
            Guarantee::WritesFollowReads
        }
    }

    fn mark(&self, session: u32, key: u32) -> usize {
        key as usize * self.newest.len() + session as usize
    }

    /// A version and its writer's past are in the session's past from now on.
    fn take_in(&mut self, session: u32, key: u32, place: usize) {
        let kept = self.keys[key as usize].at(place);
        let stamp = kept.stamp();
        let mark = self.mark(session, key);
        self.read[mark] = self.read[mark].max(stamp);
        self.newest[session as usize] = self.newest[session as usize].max(stamp);
        if self.clocks.has(session, &kept) {
            return;
        }
        self.clocks.join(session, &kept);
        if kept.is_open() && !self.keys[key as usize].is_sighted_by(session, stamp) {
            let sighting = kept.sighting(session, self.clocks.events(session));
            self.clocks.share(sighting.image());
            self.clocks.happened(session);
            self.keys[key as usize].insert_sighting(place, sighting);
            if self.keys[key as usize].is_newly_crowded() {
                self.crowded.push(key);
            }
        }
    }

    fn step(&mut self) {
        self.until_sweep -= 1;
        if self.until_sweep == 0 {
            self.until_sweep = SWEEP;
            self.sweep();
        }
    }

    /// Drops what every session has seen replaced.
    fn sweep(&mut self) {
        let stable = self.clocks.stable();
        let mut still_crowded = Vec::with_capacity(self.crowded.len());
        for key in std::mem::take(&mut self.crowded) {
            let list = &mut self.keys[key as usize];
            list.drop_replaced(&stable, |image| self.clocks.release(image));
            if list.stays_crowded() {
                still_crowded.push(key);
            }
        }
        self.crowded = still_crowded;
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.time, self.origin)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StampBelowPast { session, stamp, past, guarantee } => {
                write!(f, "A1 {guarantee}: session {session} wrote {stamp} with {past} in its past")
            }
            Self::StampTwice { key, stamp } => write!(f, "A1: two writes of key {key} have stamp {stamp}"),
            Self::Stale { session, key, seen: Seen::Version(stamp), newer, guarantee } => {
                write!(f, "A2 {guarantee}: session {session} read {stamp} of key {key} with {newer} in its past")
            }
            Self::Stale { session, key, seen: Seen::Absent, newer, guarantee } => {
                write!(f, "A2 {guarantee}: session {session} found nothing at key {key} with {newer} in its past")
            }
            Self::NobodyWrote { key, stamp } => write!(f, "A2: nobody wrote {stamp} to key {key}"),
        }
    }
}
