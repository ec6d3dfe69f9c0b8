//! Reads that found nothing of a key that is sometimes deleted: they do not say which tombstone they saw, or whether any.
//!
//! Such a read is right if, of the writes of the key that it can see, the newest in the order of writes is a tombstone, or if it
//! can see none. Only the last visible write of each session can be the newest. If no put is among them nothing is to be said; if
//! a tombstone among them has all the puts in its past, neither. Else one of the tombstones, in the read's past or not, must come
//! after those puts: which one is for [`orders`](super::orders) to find out.

use std::collections::{BTreeMap, BTreeSet};

use super::{super::Rule, Walk, sources::OPEN};

/// A read that found nothing with puts in its past.
#[derive(Debug, Clone)]
pub struct Open {
    /// The read.
    pub read: usize,
    /// The puts of which each may be the newest that it sees.
    pub puts: Vec<u32>,
    /// The deletes of which each may be.
    pub deletes: Vec<u32>,
}

/// What is known of guesses about tombstones.
#[derive(Debug, Default)]
pub struct Guesses {
    /// Deletes that a read is not to be taken to have seen.
    pub avoided: BTreeMap<usize, BTreeSet<u32>>,
    /// Reads that saw none of the deletes in their past.
    pub beyond: BTreeSet<usize>,
}

/// A write that a read can see.
#[derive(Debug, Clone, Copy)]
struct Visible {
    transaction: u32,
    is_tombstone: bool,
}

impl Walk<'_> {
    /// Notes what follows from a read that is taken to have seen this tombstone.
    pub(super) fn order_tombstone(&mut self, read: usize, delete: u32) {
        if !self.minds_tombstones() {
            return;
        }
        let key = self.ground.history.key(read);
        for put in self.visible(read).into_iter().filter(|write| !write.is_tombstone) {
            if !self.is_before(key, put.transaction, delete) {
                self.learned.order.push(put.transaction, delete, self.ground.history.transactions());
            }
        }
    }

    /// Looks for a tombstone that a read can have seen.
    pub(super) fn judge_open(&mut self, read: usize) {
        if !self.minds_tombstones() {
            return;
        }
        let key = self.ground.history.key(read);
        let (deletes, puts) = self.visible_apart(read);
        let fits = |delete: &Visible| puts.iter().all(|put| self.is_before(key, put.transaction, delete.transaction));
        if puts.is_empty() || deletes.iter().any(fits) {
            return;
        }
        let transactions = |writes: Vec<Visible>| writes.into_iter().map(|write| write.transaction).collect();
        self.learned.opens.push(Open { read, puts: transactions(puts), deletes: transactions(deletes) });
    }

    /// If a read found nothing with puts in its past and no delete, takes it to have seen the one from elsewhere that brings in the
    /// least besides. Says whether it did.
    pub(super) fn assume(&mut self, read: usize, reader: u32) -> bool {
        let Some(guesses) = self.guesses else { return false };
        if self.ground.sources.of[read] != OPEN || self.writer_of(read).is_some() || !self.minds_tombstones() {
            return false;
        }
        let key = self.ground.history.key(read);
        let (deletes, puts) = self.visible_apart(read);
        if puts.is_empty() || !deletes.is_empty() && !guesses.beyond.contains(&read) {
            return false;
        }
        let is_avoided = |delete: u32| guesses.avoided.get(&read).is_some_and(|avoided| avoided.contains(&delete));
        let all = self.deletes.get(&key).map(Vec::as_slice).unwrap_or_default();
        let likely = all.iter().rev().copied().filter(|delete| !is_avoided(*delete) && !self.is_in_past(key, *delete));
        let cost = |delete: &u32| {
            let is_newest = puts.iter().all(|put| self.is_before(key, put.transaction, *delete));
            let clock = self.clocks.of(*delete).iter().zip(&self.past);
            let news: u32 = clock.map(|(theirs, mine)| theirs.saturating_sub(*mine)).sum();
            (!is_newest, news)
        };
        let Some(delete) = likely.min_by_key(cost) else { return false };
        self.learned.assumed.insert(read, delete);
        self.take_in(read, reader);
        true
    }

    fn is_in_past(&self, key: u32, write: u32) -> bool {
        let history = self.ground.history;
        if history.is_unknown(write) {
            return self.sightings.contains(key, write, &self.past);
        }
        history.place_of(write) < self.past[history.session_of(write) as usize]
    }

    fn minds_tombstones(&self) -> bool {
        self.ground.rules.has(Rule::Tombstones) && self.ground.rules.has(Rule::OneOrder)
    }

    /// The deletes and the puts that a read can see, without the deletes that are in the past of such a put.
    fn visible_apart(&self, read: usize) -> (Vec<Visible>, Vec<Visible>) {
        let key = self.ground.history.key(read);
        let (mut deletes, puts): (Vec<Visible>, Vec<Visible>) =
            self.visible(read).into_iter().partition(|write| write.is_tombstone);
        deletes.retain(|delete| !puts.iter().any(|put| self.is_before(key, delete.transaction, put.transaction)));
        (deletes, puts)
    }

    fn visible(&self, read: usize) -> Vec<Visible> {
        let key = self.ground.history.key(read);
        let mut visible = Vec::new();
        for group in self.groups.range(key) {
            let Some(write) = self.groups.visible_in(group, &self.past, &[]) else { continue };
            let transaction = self.ground.timelines.at(self.groups.session(group), write.place());
            visible.push(Visible { transaction, is_tombstone: write.is_tombstone() });
        }
        self.sightings.visible(key, self.reader(read), &[], |sighting| {
            visible.push(Visible { transaction: sighting.writer, is_tombstone: sighting.is_tombstone });
        });
        visible
    }

    /// Whether a write of a key is in the past of another.
    fn is_before(&self, key: u32, earlier: u32, later: u32) -> bool {
        let history = self.ground.history;
        let clock = self.clocks.of(later);
        if history.is_unknown(earlier) {
            return earlier != later && self.sightings.contains(key, earlier, clock);
        }
        let session = history.session_of(earlier) as usize;
        earlier != later && clock.get(session).is_some_and(|limit| history.place_of(earlier) < *limit)
    }
}
