//! What comes before what, and whether that has a cycle.
//!
//! Three kinds of edges between transactions: the order of a session, reads-from, and the order of writes. The first two are not
//! stored but looked up. The search for a cycle takes away what nothing comes after, again and again, until nothing is left or
//! only what leads into a cycle: Kahn's algorithm (1962), backwards, without recursion.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{super::History, Assigned, Sources, Timelines};

const NONE: u32 = u32::MAX;

/// Edges of the order of writes: lists by the later one.
#[derive(Debug, Default)]
pub struct Edges {
    heads: Vec<u32>,
    /// The earlier one, and where the list goes on.
    pool: Vec<(u32, u32)>,
}

impl Edges {
    /// `earlier` is before `later`, of this many transactions.
    pub fn push(&mut self, earlier: u32, later: u32, transactions: usize) {
        if self.heads.is_empty() {
            self.heads = vec![NONE; transactions];
        }
        let head = &mut self.heads[later as usize];
        self.pool.push((earlier, *head));
        *head = self.pool.len() as u32 - 1;
    }

    /// All that are before this one.
    pub fn before(&self, later: u32) -> impl Iterator<Item = u32> {
        let mut next = self.heads.get(later as usize).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let (earlier, rest) = *self.pool.get(next as usize)?;
            next = rest;
            Some(earlier)
        })
    }
}

/// What an edge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The session did one before the other.
    Session,
    /// The later one read what the earlier one wrote.
    Reads,
    /// It is taken to have seen it: it found nothing, and the earlier one is a delete.
    Taken,
    /// The order of writes.
    Order,
}

/// All edges of a history.
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    /// Of this history.
    pub history: &'a History,
    /// Who read from whom.
    pub sources: &'a Sources,
    /// Who came after whom.
    pub timelines: &'a Timelines,
    /// Which tombstone an open read is taken to have seen.
    pub assigned: &'a Assigned,
    /// The order of writes; none or several sets.
    pub order: &'a [&'a Edges],
}

impl Graph<'_> {
    /// Calls with each transaction that is right before this one.
    pub fn each_before(&self, transaction: u32, mut call: impl FnMut(u32, Kind)) {
        if let Some(before) = self.timelines.before(self.history, transaction) {
            call(before, Kind::Session);
        }
        for operation in self.history.operations_of(transaction) {
            if let Some(writer) = self.sources.writer(operation) {
                call(writer, Kind::Reads);
            }
        }
        if !self.assigned.is_empty() {
            for operation in self.history.operations_of(transaction) {
                if let Some(writer) = self.assigned.get(&operation) {
                    call(*writer, Kind::Taken);
                }
            }
        }
        for edges in self.order {
            for earlier in edges.before(transaction) {
                call(earlier, Kind::Order);
            }
        }
    }

    /// An order in which all edges go forward.
    ///
    /// # Errors
    /// There is none: for each transaction whether it leads into a cycle.
    pub fn sort(&self) -> Result<Vec<u32>, Vec<bool>> {
        let count = self.history.transactions();
        let mut after = vec![0_u32; count];
        for transaction in 0..count as u32 {
            self.each_before(transaction, |before, _| after[before as usize] += 1);
        }
        let mut sorted: Vec<u32> = Vec::with_capacity(count);
        sorted.extend((0..count as u32).rev().filter(|transaction| after[*transaction as usize] == 0));
        let mut at = 0;
        while let Some(transaction) = sorted.get(at).copied() {
            at += 1;
            self.each_before(transaction, |before, _| {
                after[before as usize] -= 1;
                if after[before as usize] == 0 {
                    sorted.push(before);
                }
            });
        }
        if sorted.len() < count {
            return Err(after.into_iter().map(|after| after > 0).collect());
        }
        sorted.reverse();
        Ok(sorted)
    }

    /// As [`sort`](Self::sort), as near as can be to the order in which the history was written down: for each transaction its
    /// place.
    ///
    /// # Errors
    /// As there.
    pub fn sort_near_file_order(&self) -> Result<Vec<u32>, Vec<bool>> {
        let count = self.history.transactions();
        let mut after = vec![0_u32; count];
        for transaction in 0..count as u32 {
            self.each_before(transaction, |before, _| after[before as usize] += 1);
        }
        let mut free: BinaryHeap<u32> = (0..count as u32).filter(|transaction| after[*transaction as usize] == 0).collect();
        let mut places = vec![0; count];
        let mut place = count as u32;
        while let Some(transaction) = free.pop() {
            place -= 1;
            places[transaction as usize] = place;
            self.each_before(transaction, |before, _| {
                after[before as usize] -= 1;
                if after[before as usize] == 0 {
                    free.push(before);
                }
            });
        }
        if place == 0 { Ok(places) } else { Err(after.into_iter().map(|after| after > 0).collect()) }
    }

    /// The transactions of a short cycle, each before the next and the last before the first, with as few edges of the order of
    /// writes and assumptions as can be. `left` says where to look.
    pub fn cycle(&self, left: &[bool]) -> Vec<u32> {
        const TRIED_ALL: usize = 64;
        let candidates: Vec<u32> = (0..left.len() as u32).filter(|t| left[*t as usize]).collect();
        let starts = if candidates.len() <= TRIED_ALL { candidates } else { vec![self.on_a_cycle(&candidates)] };
        let cycles = starts.into_iter().filter_map(|start| self.path(start, start));
        cycles.min_by_key(|(cost, _)| *cost).map(|(_, cycle)| cycle).unwrap_or_default()
    }

    /// The cheapest way from one transaction to another (or around), without the end. Edges of the order of writes and assumptions are dear.
    pub fn path(&self, from: u32, to: u32) -> Option<(u64, Vec<u32>)> {
        self.path_from(|transaction| transaction == from, to)
    }

    /// The cheapest way to a transaction from any of some.
    pub fn path_from(&self, is_start: impl Fn(u32) -> bool, to: u32) -> Option<(u64, Vec<u32>)> {
        // Steps of one session are told as one, so they are nearly free.
        const CHEAP: u64 = 1 << 20;
        const DEAR: u64 = 1 << 40;
        let count = self.history.transactions();
        let (mut costs, mut nexts) = (vec![u64::MAX; count], vec![NONE; count]);
        let mut heap = BinaryHeap::from([(Reverse(0), to)]);
        let mut found = None;
        let mut begun = false;
        while let Some((Reverse(cost), transaction)) = heap.pop() {
            if begun && is_start(transaction) {
                found = Some(transaction);
                break;
            }
            begun = true;
            if cost > costs[transaction as usize] {
                continue;
            }
            self.each_before(transaction, |before, kind| {
                let step = match kind {
                    Kind::Session => 1,
                    Kind::Reads => CHEAP,
                    Kind::Order | Kind::Taken => DEAR,
                };
                let cost = cost + step;
                if cost < costs[before as usize] {
                    costs[before as usize] = cost;
                    nexts[before as usize] = transaction;
                    heap.push((Reverse(cost), before));
                }
            });
        }
        let from = found?;
        let mut path = vec![from];
        let mut at = nexts[from as usize];
        while at != to {
            path.push(at);
            at = nexts[at as usize];
        }
        Some((costs[from as usize], path))
    }

    /// Follows edges forward among those that lead into a cycle until it has been somewhere before.
    fn on_a_cycle(&self, left: &[u32]) -> u32 {
        let count = self.history.transactions();
        let mut after = vec![NONE; count];
        let mut is_left = vec![false; count];
        for transaction in left {
            is_left[*transaction as usize] = true;
        }
        for transaction in left {
            self.each_before(*transaction, |before, _| {
                if is_left[before as usize] {
                    after[before as usize] = *transaction;
                }
            });
        }
        let mut at = left[0];
        let mut seen = vec![false; count];
        while !seen[at as usize] {
            seen[at as usize] = true;
            at = after[at as usize];
        }
        at
    }
}
