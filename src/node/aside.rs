//! What only this node had when its actor was cut off: kept aside, since it was acknowledged here and counts nowhere any more.
//!
//! A node that finds that its former actor was cut off forgets what that held, and takes all from its peers under another name. Its
//! own records above the cut are among nobody's; nor, maybe, are those of an actor that was cut off before, if this node alone still
//! had them, and how far that one counts was asked anew without it. Before they go they are on this disk, each actor's in a file of
//! their own, where an operator finds them. How far the others have them may not be settled by then: so all goes there that may lie
//! above, which is all that is not stable, and what counts after all is taken out later.
//!
//! Until the file is durable no snapshot goes on: it would take the place of the log that they are in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Effect, Event, JournalCommand, Node};
use crate::{
    clock::Hlc,
    id::ActorId,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    placement::SLOTS,
    store::{Record, Recovered, SetAside, Version, Write},
};

/// How many bytes of keys and values are kept aside in all, about; of more, the oldest of the last actor are only counted.
const BOUND_BYTES: usize = 16 << 20;
/// Estimated bytes of a record beside its key and value.
const RECORD_BYTES: usize = 144;
/// Between tries to make a file durable.
const TRY_AGAIN_US: u64 = 500_000;

/// What is kept aside, by actor.
#[derive(Debug, Default)]
pub(super) struct Aside {
    kept: BTreeMap<ActorId, Kept>,
    /// Under which actor this node had what is kept.
    former: Option<ActorId>,
    try_us: u64,
}

#[derive(Debug)]
struct Kept {
    set: SetAside,
    /// The same is on its way to the disk.
    asked: bool,
    /// The file on the disk is this one.
    durable: bool,
    /// A file on the disk holds all that is here, and may hold more.
    saved: bool,
}

impl Aside {
    /// The actor under which this node had what is not on the disk yet.
    pub fn unsaved(&self) -> Option<ActorId> {
        self.former.filter(|_| self.kept.values().any(|kept| !kept.saved))
    }

    /// How many records are kept.
    pub fn records(&self) -> u64 {
        self.kept.values().map(|kept| kept.set.writes.len() as u64).sum()
    }

    fn bytes(&self) -> usize {
        self.kept.values().flat_map(|kept| &kept.set.writes).map(|write| bytes(write)).sum()
    }
}

impl Node {
    /// What is kept aside here, by actor.
    pub fn set_aside(&self) -> Vec<SetAside> {
        self.aside.kept.values().map(|kept| kept.set.clone()).collect()
    }

    /// This node's former actor was cut off, and what it held is about to be forgotten.
    pub(super) fn set_tail_aside(&mut self, former: ActorId) {
        self.aside.former = Some(former);
        self.set_aside_of(former);
        let has_more = |actor: &ActorId| *actor != former && self.applied.get(*actor) > self.counted_of(*actor);
        let others: Vec<ActorId> = self.others_cut_off().filter(has_more).collect();
        for actor in others {
            self.set_aside_of(actor);
        }
    }

    /// Actors that were cut off, some of which this node may alone have had.
    fn others_cut_off(&self) -> impl Iterator<Item = ActorId> + '_ {
        self.plan.config.cut_off().filter(|_| !planted(Mutant::OthersTailsDropped))
    }

    /// Up to where an actor that was cut off counts for sure. The stable time does not wait for it: what that has passed need not count.
    fn counted_of(&self, actor: ActorId) -> Hlc {
        self.plan.config.cut_of(actor).unwrap_or_else(|| self.stability.stable())
    }

    fn set_aside_of(&mut self, former: ActorId) {
        let above = self.counted_of(former);
        let mut tail = BTreeMap::new();
        if !self.tail.reaches(former, above) {
            let entries = self.table.slots().entries(0..SLOTS).into_iter();
            let of_former = entries.flat_map(|(key, versions)| versions.into_iter().map(move |version| (key.clone(), version)));
            let versions = of_former.filter(|(_, version)| version.dot.actor == former && version.dot.hlc > above);
            tail.extend(versions.map(|(key, version)| (version.dot.hlc, Arc::new(write_of(key, version)))));
        }
        tail.extend(self.tail.range(former, above, Hlc(u64::MAX)).map(|write| (write.dot.hlc, write.clone())));
        self.keep_aside_of(former, tail);
    }

    /// What was kept aside by earlier processes; and what is on the disk of a former actor that was cut off, as above.
    pub(super) fn find_set_aside(&mut self, found: &Recovered) {
        for set in found.set_aside.iter().cloned() {
            self.aside.kept.insert(set.actor, Kept { set, asked: false, durable: true, saved: true });
        }
        let holds = found.marks.as_ref().and_then(|marks| marks.holds);
        let Some(former) = holds.filter(|holds| !self.is_ours(Some(*holds))) else { return };
        self.aside.former = Some(former);
        let formers: BTreeSet<ActorId> = self.others_cut_off().chain([former]).collect();
        let entries = found.snapshot.iter().flat_map(|snapshot| &snapshot.entries);
        let versions = entries.flat_map(|(key, versions)| versions.iter().map(move |version| (key, version)));
        let from_snapshot = versions.map(|(key, version)| Arc::new(write_of(key.clone(), version.clone())));
        let from_log = found.records.iter().filter_map(|record| match record {
            Record::Write(write) => Some(write.clone()),
            Record::Applied(_) => None,
        });
        let mut tails: BTreeMap<ActorId, BTreeMap<Hlc, Arc<Write>>> = BTreeMap::new();
        for write in from_snapshot.chain(from_log).filter(|write| formers.contains(&write.dot.actor)) {
            if write.dot.hlc > self.plan.config.cut_of(write.dot.actor).unwrap_or_default() {
                tails.entry(write.dot.actor).or_default().insert(write.dot.hlc, write);
            }
        }
        // What it wrote itself comes first, should there be too much.
        self.keep_aside_of(former, tails.remove(&former).unwrap_or_default());
        for (actor, tail) in tails {
            self.keep_aside_of(actor, tail);
        }
    }

    fn keep_aside_of(&mut self, actor: ActorId, mut tail: BTreeMap<Hlc, Arc<Write>>) {
        let known = self.aside.kept.remove(&actor).map(|kept| kept.set);
        tail.extend(known.iter().flat_map(|set| &set.writes).map(|write| (write.dot.hlc, write.clone())));
        let had_left_out = known.map_or(0, |set| set.left_out);
        if (tail.is_empty() && had_left_out == 0) || planted(Mutant::EvictedTailDropped) {
            return;
        }
        reached(Mark::TailSetAside);
        let (mut room, mut left_out) = (BOUND_BYTES.saturating_sub(self.aside.bytes()), 0);
        let mut writes: Vec<Arc<Write>> = Vec::new();
        for write in tail.into_values().rev() {
            match room.checked_sub(bytes(&write)) {
                Some(rest) if left_out == 0 => {
                    room = rest;
                    writes.push(write);
                }
                _ => left_out += 1,
            }
        }
        left_out += had_left_out;
        writes.reverse();
        let cut = self.plan.config.cut_of(actor);
        self.counters.set_aside += if cut.is_some() { writes.len() as u64 + left_out } else { 0 };
        let set = SetAside { actor, cut, writes, left_out };
        self.aside.kept.insert(actor, Kept { set, asked: false, durable: false, saved: false });
        self.aside.try_us = 0;
        self.keep_aside();
    }

    /// Has what is not durable yet written, and takes out what counts after all.
    pub(super) fn keep_aside(&mut self) {
        for kept in self.aside.kept.values_mut().filter(|kept| kept.set.cut.is_none() && kept.saved && !kept.asked) {
            if let Some(cut) = self.plan.config.cut_of(kept.set.actor) {
                kept.set.cut = Some(cut);
                kept.set.writes.retain(|write| write.dot.hlc > cut);
                kept.durable = false;
                self.counters.set_aside += kept.set.writes.len() as u64 + kept.set.left_out;
            }
        }
        let now_us = self.now.monotonic_us;
        if now_us < self.aside.try_us {
            return;
        }
        for kept in self.aside.kept.values_mut().filter(|kept| !kept.durable && !kept.asked) {
            kept.asked = true;
            self.effects.push(Effect::Journal(JournalCommand::SetAside(kept.set.clone())));
        }
    }

    /// A file is durable.
    pub(super) fn aside_durable(&mut self, actor: ActorId) {
        let Some(kept) = self.aside.kept.get_mut(&actor).filter(|kept| kept.asked) else { return };
        (kept.asked, kept.durable, kept.saved) = (false, true, true);
        let dots = kept.set.writes.iter().map(|write| write.dot).collect();
        let left_out = kept.set.left_out;
        if kept.set.is_empty() {
            self.aside.kept.remove(&actor);
        }
        self.observe(|| Event::SetAside { actor, dots, left_out });
        self.snapshot_may_go_on();
    }

    /// A file could not be made durable: it is tried again.
    pub(super) fn aside_failed(&mut self, actor: ActorId) {
        self.aside.try_us = self.now.monotonic_us + TRY_AGAIN_US;
        if let Some(kept) = self.aside.kept.get_mut(&actor) {
            kept.asked = false;
        }
    }
}

fn bytes(write: &Write) -> usize {
    write.key.len() + write.value.as_ref().map_or(0, |value| value.bytes.len()) + RECORD_BYTES
}

/// The record that made a version.
fn write_of(key: crate::store::Key, version: Version) -> Write {
    let past = version.dependencies.map(|token| *token).unwrap_or_default();
    Write { dot: version.dot, epoch: past.epoch(), key, value: version.value, past, operation: version.operation }
}
