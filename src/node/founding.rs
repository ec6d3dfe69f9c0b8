//! What a node may do with the disk that it found.
//!
//! An actor's name must never be used for two histories. So a node writes under its actor only when its log provably holds all
//! that it ever sent. One whose log may lack something, or whose disk is gone, needs a new actor (see [`lost`](super::lost)); until it
//! has one it pulls, serves reads, passes writes to a peer, and takes none itself.
//!
//! An empty disk may be a first start or a lost disk. The node asks: nobody of its shard has a record or a promise of its actor, then
//! it is a first start. While some of the shard do not answer, a majority of the cluster that was itself born with empty disks will do.
//!
//! A node that lost records of its own asks every peer of its shard for them before its actor promises anything again: what
//! nobody has is lost, and what somebody has must not be skipped by a promise.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Node, WhyNoWrites, lost::Unused};
use crate::{
    clock::{Hlc, HybridClock},
    id::{ActorId, NodeId},
    mark::{Mark, reached},
    message::Message,
    store::{Marks, Verdict},
};

/// Between questions about an empty disk.
const ASK_AGAIN_US: u64 = 50_000;
/// A node that hears no shard peer for this long counts as caught up with all that it can reach.
const ALONE_US: u64 = 1_000_000;

/// What one node said of this one.
#[derive(Debug, Clone, Copy)]
struct Testimony {
    born_empty: bool,
    heard: bool,
}

/// What this node may do.
#[derive(Debug)]
pub(super) struct Standing {
    /// The disk was empty and nobody has said yet what that means.
    founding: bool,
    born_empty: bool,
    /// The disk was found empty, this node works by the first config, and there may be another one.
    pub lost: bool,
    pub unused: Unused,
    writes: Result<(), WhyNoWrites>,
    serves: bool,
    stopping: bool,
    caught_up: bool,
    /// Shard peers that have given this node all that they have of its own actor; `None` when it lacks nothing of it.
    pub own_from: Option<BTreeSet<NodeId>>,
    testimonies: BTreeMap<NodeId, Testimony>,
    asked_us: u64,
    started_us: u64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            founding: false,
            born_empty: false,
            lost: false,
            unused: Unused::default(),
            writes: Err(WhyNoWrites::Starting),
            serves: false,
            stopping: false,
            caught_up: false,
            own_from: None,
            testimonies: BTreeMap::new(),
            asked_us: 0,
            started_us: 0,
        }
    }
}

impl Standing {
    /// Whether it may take writes, and why not.
    pub fn writes(&self) -> Result<(), WhyNoWrites> {
        self.writes
    }

    /// Whether it may answer reads.
    pub fn serves(&self) -> bool {
        self.serves
    }

    /// Whether it does not know yet what its empty disk means.
    pub fn is_founding(&self) -> bool {
        self.founding
    }

    /// Whether it knows all records of its own actor that anybody has, so that it may promise.
    pub fn promises(&self) -> bool {
        !self.founding && self.own_from.is_none()
    }

    /// It knows all records of its own actor that anybody has.
    pub fn found_own(&mut self) {
        (self.own_from, self.serves) = (None, true);
    }

    /// The process is stopping: peers are told to ask others.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// The process has begun.
    pub fn started(&mut self, monotonic_us: u64) {
        self.started_us = monotonic_us;
    }

    /// When the process began, in microseconds.
    pub fn started_us(&self) -> u64 {
        self.started_us
    }

    /// Whether the process is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether it has heard once, since it started, all that its shard peers had.
    pub fn caught_up(&self) -> bool {
        self.caught_up
    }
}

impl Node {
    /// Stands as what was found allows.
    pub(super) fn begin_with(&mut self, verdict: Verdict, is_ours: bool, marks: &Marks) {
        let is_late = self.plan.config.parent().is_some();
        match verdict {
            _ if self.actor == ActorId::NONE => {
                if !marks.may_write {
                    self.standing.unused.seek();
                }
                self.stand_aside();
            }
            Verdict::Empty if is_late => self.begin_from_peers(),
            _ if !is_ours && marks.may_write => self.change_actor_to_void(),
            _ if !is_ours => self.begin_from_peers(),
            Verdict::Empty => self.begin_founding(),
            Verdict::Complete => self.resume(marks),
            Verdict::MayLack => self.begin_without_actor(true),
            Verdict::Damaged => self.begin_from_peers(),
        }
    }

    /// A node without an actor: it holds nothing, and passes on what it is asked.
    pub(super) fn stand_aside(&mut self) {
        self.standing.founding = false;
        (self.standing.serves, self.standing.caught_up, self.standing.own_from) = (false, true, None);
        self.stop_writing(WhyNoWrites::NoSeat);
    }

    /// A new actor that must first get what its shard holds.
    pub(super) fn stand_back(&mut self, why: WhyNoWrites) {
        self.standing.founding = false;
        (self.standing.serves, self.standing.caught_up, self.standing.own_from) = (false, false, None);
        self.stop_writing(why);
    }

    /// A new actor that has what its shard holds.
    pub(super) fn stand_anew(&mut self) {
        self.standing.founding = false;
        (self.standing.serves, self.standing.caught_up, self.standing.own_from) = (true, true, None);
        self.start_writing();
    }

    /// The log holds all that this node ever sent: it goes on where it was.
    fn resume(&mut self, marks: &Marks) {
        self.applied.join(&marks.applied);
        self.standing.serves = true;
        self.standing.caught_up = self.links.is_empty();
        if marks.may_write {
            self.standing.writes = Ok(());
        } else {
            self.begin_without_actor(true);
        }
    }

    /// The log may lack what this node had sent. What is there can be read, if it is whole up to its end.
    pub(super) fn begin_without_actor(&mut self, serves: bool) {
        self.standing.unused.seek();
        self.standing.writes = Err(WhyNoWrites::NeedsNewActor);
        self.standing.serves = serves;
        self.standing.own_from = Some(BTreeSet::new());
        self.own_records_found();
    }

    /// There is a newer config than the first: an empty disk is a lost one, or that of a node whose actor somebody may have heard.
    pub(super) fn founded_long_ago(&mut self) {
        if std::mem::take(&mut self.standing.founding) {
            reached(Mark::DiskLost);
            self.begin_with_lost_disk();
        }
    }

    fn begin_founding(&mut self) {
        self.clock = HybridClock::default();
        self.standing.founding = true;
        self.standing.born_empty = true;
        self.judge_testimonies();
    }

    /// Asks again, and notices when nobody is there to catch up with.
    pub(super) fn keep_standing(&mut self) {
        let now_us = self.now.monotonic_us;
        if self.standing.founding && now_us >= self.standing.asked_us + ASK_AGAIN_US {
            self.standing.asked_us = now_us;
            let silent = |node: &NodeId| !self.standing.testimonies.contains_key(node);
            let nodes: Vec<NodeId> = self.view.peers().map(|(node, _)| node).filter(silent).collect();
            nodes.into_iter().for_each(|node| self.send(node, Message::FoundingQuery));
        }
        let alone = self.shard_peers().all(|node| !self.view.trusts(node));
        if !self.standing.caught_up && self.standing.serves && alone && now_us > self.standing.started_us + ALONE_US {
            self.standing.caught_up = true;
        }
    }

    pub(super) fn answer_founding_query(&mut self, from: NodeId) {
        let Some(actor) = self.actor_of(from) else { return };
        let shares_shard = self.links.contains_key(&from);
        let has_records = shares_shard && (self.tail.last(actor) > Hlc::ZERO || self.table.has_version_of(actor));
        let promised = self.applied.get(actor);
        let heard = has_records || promised > Hlc::ZERO || self.view.get(from).is_some_and(|peer| peer.wrote);
        let born_empty = self.standing.born_empty;
        self.send(from, Message::FoundingReply { born_empty, heard, promised });
    }

    pub(super) fn receive_founding_reply(&mut self, from: NodeId, born_empty: bool, heard: bool, promised: Hlc) {
        self.clock.observe(promised);
        self.standing.testimonies.insert(from, Testimony { born_empty, heard });
        self.judge_testimonies();
    }

    fn judge_testimonies(&mut self) {
        if !self.standing.founding {
            return;
        }
        let testimonies = &self.standing.testimonies;
        let lost_disk = testimonies.values().any(|testimony| testimony.heard);
        let shard_agrees = self.links.keys().all(|node| testimonies.contains_key(node));
        let newborn = 1 + testimonies.values().filter(|testimony| testimony.born_empty).count();
        let all_newborn = newborn == 1 + testimonies.len() && 2 * newborn > self.plan.config.members().len();
        if lost_disk {
            reached(Mark::DiskLost);
            self.standing.founding = false;
            self.begin_with_lost_disk();
        } else if shard_agrees || all_newborn {
            self.write_marks();
        }
    }

    /// The marks are on the disk. Those of a first start say that from now on the actor is in use.
    pub(super) fn marks_durable(&mut self, marks: &Marks) {
        if self.standing.founding && marks.may_write {
            self.standing.founding = false;
            self.standing.serves = true;
            self.standing.caught_up = true;
            self.start_writing();
        }
    }

    /// A peer has given all that it has.
    pub(super) fn pulled_all(&mut self, from: NodeId, serves: bool) {
        if let Some(own_from) = &mut self.standing.own_from {
            own_from.insert(from);
            self.own_records_found();
        }
        if self.adoption.needs_base() {
            return;
        }
        if serves || self.standing.own_from.is_none() {
            self.standing.serves = true;
            self.standing.caught_up = true;
            if self.standing.writes == Err(WhyNoWrites::TakingOver) {
                self.start_writing();
            }
        }
    }

    pub(super) fn stop_writing(&mut self, why: WhyNoWrites) {
        self.standing.writes = Err(why);
        self.observe(|| Event::StoppedWriting(why));
    }

    pub(super) fn start_writing(&mut self) {
        self.standing.writes = Ok(());
        self.observe(|| Event::TakesWrites);
    }
}
