//! The versions of a key that may still be read, by stamp.

use super::{Stamp, Written};

const OPEN: u32 = 1 << 31;
const TOMBSTONE: u32 = 1 << 30;
const SIGHTING: u32 = 1 << 29;
const SESSION: u32 = SIGHTING - 1;

/// One version, or the sighting of one that nobody acknowledged: 32 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    time: u64,
    before: u64,
    origin: u32,
    image: u32,
    session: u32,
}

impl Kept {
    /// A write that is not acknowledged yet, by a session that so many events happened to before.
    pub fn new(stamp: Stamp, session: u32, before: u64, image: u32, written: Written) -> Self {
        let tombstone = if written == Written::Tombstone { TOMBSTONE } else { 0 };
        Self { time: stamp.time, before, origin: stamp.origin, image, session: session | OPEN | tombstone }
    }

    /// That a session saw it: counts as an event of that session.
    pub fn sighting(self, session: u32, before: u64) -> Self {
        Self { before, session: session | SIGHTING | self.session & TOMBSTONE, ..self }
    }

    /// Its place in the order.
    pub fn stamp(&self) -> Stamp {
        Stamp { time: self.time, origin: self.origin }
    }

    /// Who wrote it, or saw it.
    pub fn session(&self) -> u32 {
        self.session & SESSION
    }

    /// How many events of the session came before.
    pub fn before(&self) -> u64 {
        self.before
    }

    /// The writer's clock.
    pub fn image(&self) -> u32 {
        self.image
    }

    /// Whether its session has not heard of it.
    pub fn is_open(&self) -> bool {
        self.session & OPEN != 0
    }

    /// Its session hears of it.
    pub fn close(&mut self) {
        self.session &= !OPEN;
    }

    /// Whether it is a tombstone.
    pub fn is_tombstone(&self) -> bool {
        self.session & TOMBSTONE != 0
    }

    /// Whether it says that an open write was seen.
    pub fn is_sighting(&self) -> bool {
        self.session & SIGHTING != 0
    }
}

/// All of a key, older stamps first; sightings right behind what was seen.
#[derive(Debug, Default)]
pub struct Key {
    list: Vec<Kept>,
    dropped: Option<Stamp>,
    is_crowded: bool,
}

impl Key {
    /// Adds a write; `false` if its stamp is taken.
    pub fn insert(&mut self, kept: Kept) -> bool {
        let stamp = kept.stamp();
        let place = self.list.iter().rposition(|other| other.stamp() <= stamp);
        if place.is_some_and(|place| self.list[place].stamp() == stamp) || self.dropped >= Some(stamp) {
            return false;
        }
        self.list.insert(place.map_or(0, |place| place + 1), kept);
        true
    }

    /// Adds a sighting of the version at a place.
    pub fn insert_sighting(&mut self, place: usize, sighting: Kept) {
        self.list.insert(place + 1, sighting);
    }

    /// The write of a session with this stamp, if the session has not heard of it.
    pub fn open_of(&mut self, session: u32, stamp: Stamp) -> Option<&mut Kept> {
        let is_it = |kept: &&mut Kept| kept.stamp() == stamp && kept.is_open() && kept.session() == session;
        self.list.iter_mut().rev().find(is_it)
    }

    /// The version at a place.
    pub fn at(&self, place: usize) -> Kept {
        self.list[place]
    }

    /// The place of the version with this stamp.
    pub fn find(&self, stamp: Stamp) -> Option<usize> {
        let last = self.list.iter().rposition(|kept| kept.stamp() <= stamp)?;
        let same = self.list[..=last].iter().rev().take_while(|kept| kept.stamp() == stamp);
        same.enumerate().find(|(_, kept)| !kept.is_sighting()).map(|(back, _)| last - back)
    }

    /// Whether a session has seen the open write with this stamp.
    pub fn is_sighted_by(&self, session: u32, stamp: Stamp) -> bool {
        self.list.iter().any(|kept| kept.is_sighting() && kept.session() == session && kept.stamp() == stamp)
    }

    /// What is newer than the version at a place, newest first.
    pub fn newer(&self, place: usize) -> impl Iterator<Item = &Kept> {
        let stamp = self.list[place].stamp();
        self.list.iter().rev().take_while(move |kept| kept.stamp() > stamp)
    }

    /// Everything, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Kept> {
        self.list.iter().rev()
    }

    /// Whether some tombstone is newer.
    pub fn has_tombstone_above(&self, stamp: Stamp) -> bool {
        self.list.iter().rev().take_while(|kept| kept.stamp() > stamp).any(Kept::is_tombstone)
    }

    /// The largest stamp that was dropped.
    pub fn dropped(&self) -> Option<Stamp> {
        self.dropped
    }

    /// Whether it has just got a second version.
    pub fn is_newly_crowded(&mut self) -> bool {
        let is_new = !self.is_crowded && self.list.len() > 1;
        self.is_crowded |= is_new;
        is_new
    }

    /// Whether it still has more than one.
    pub fn stays_crowded(&mut self) -> bool {
        self.is_crowded = self.list.len() > 1;
        self.is_crowded
    }

    /// Drops all that is older than the newest that everybody has in his past.
    pub fn drop_replaced(&mut self, stable: &[u64], mut release: impl FnMut(u32)) {
        let is_stable = |kept: &Kept| !kept.is_open() && stable[kept.session() as usize] > kept.before;
        let Some(newest) = self.list.iter().rfind(|kept| is_stable(kept)).map(Kept::stamp) else { return };
        let older = self.list.partition_point(|kept| kept.stamp() < newest);
        for kept in self.list.drain(..older) {
            self.dropped = self.dropped.max(Some(kept.stamp()));
            release(kept.image);
        }
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.list.capacity() * size_of::<Kept>()
    }
}
