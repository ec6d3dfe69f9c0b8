//! What a finding rests on: which read orders two writes, and which assumptions about tombstones it needs.

use std::collections::BTreeSet;

use super::{Finding, Graph, Kind, last_writes};

/// The read that shows the order of two writes, and the way from the older one to it.
pub struct Shown {
    /// The read.
    pub read: usize,
    /// Its key.
    pub key: u32,
    /// The way, without the read's own transaction.
    pub past: Vec<u32>,
}

impl Graph<'_> {
    /// The transaction that a read saw, or is taken to have seen.
    pub fn writer(&self, read: usize) -> Option<u32> {
        self.sources.writer(read).or_else(|| self.assigned.get(&read).copied())
    }

    /// The write of a key in a transaction that others may read.
    pub fn write_of(&self, transaction: u32, key: u32) -> Option<usize> {
        last_writes(self.history, transaction).find(|at| self.history.key(*at) == key)
    }

    /// How one transaction is a cause of the next, by what is certain if it can be.
    pub fn cause(&self, from: u32, to: u32) -> Option<Kind> {
        let mut found = None;
        self.each_before(to, |before, kind| {
            if before == from && kind != Kind::Order {
                found = match found {
                    Some(known) if known != Kind::Taken => Some(known),
                    _ => Some(kind),
                };
            }
        });
        found
    }

    /// The read that returned `later` with `earlier` in its past, by the shortest way.
    pub fn shown(&self, earlier: u32, later: u32) -> Option<Shown> {
        let causes = Graph { order: &[], ..*self };
        let reads = (0..self.history.operations()).filter(|at| self.writer(*at) == Some(later));
        let of_a_common_key = reads.filter(|at| self.write_of(earlier, self.history.key(*at)).is_some());
        let shown = of_a_common_key.filter_map(|read| {
            let (cost, past) = causes.path(earlier, self.history.transaction_of(read))?;
            Some((cost, Shown { read, key: self.history.key(read), past }))
        });
        shown.min_by_key(|(cost, _)| *cost).map(|(_, shown)| shown)
    }

    /// The reads of which a finding needs what they are taken to have seen. If there are none, the finding is certain.
    pub fn assumptions(&self, finding: &Finding) -> BTreeSet<usize> {
        let mut assumed = BTreeSet::new();
        match finding {
            Finding::CausalCycle { cycle } => self.assumed_on(cycle, cycle[0], &mut assumed),
            Finding::OrderCycle { cycle } => {
                self.assumed_on(cycle, cycle[0], &mut assumed);
                for (from, to) in pairs(cycle, cycle[0]).filter(|(from, to)| self.cause(*from, *to).is_none()) {
                    let Some(shown) = self.shown(from, to) else { continue };
                    assumed.extend(self.assigned.get(&shown.read).map(|_| shown.read));
                    self.assumed_on(&shown.past, self.history.transaction_of(shown.read), &mut assumed);
                }
            }
            Finding::Initial { read, newer } | Finding::Overwritten { read, newer } | Finding::NoTombstone { read, newer } => {
                let reader = self.history.transaction_of(*read);
                let causes = Graph { order: &[], ..*self };
                let (_, way) = causes.path(*newer, reader).unwrap_or_default();
                self.assumed_on(&way, reader, &mut assumed);
            }
            _ => {}
        }
        assumed
    }

    fn assumed_on(&self, way: &[u32], end: u32, assumed: &mut BTreeSet<usize>) {
        for (from, to) in pairs(way, end).filter(|(from, to)| self.cause(*from, *to) == Some(Kind::Taken)) {
            assumed.extend(self.history.operations_of(to).find(|at| self.assigned.get(at) == Some(&from)));
        }
    }
}

/// Each of a way with the next, the last with the end.
pub fn pairs(way: &[u32], end: u32) -> impl Iterator<Item = (u32, u32)> {
    way.iter().copied().zip(way.iter().skip(1).copied().chain([end]))
}
