//! Forced recovery: a new generation of the group, from what one node has.
//!
//! A log below a majority decides nothing any more. Only an operator can know that the others are gone for good; at the operator's
//! command a node folds all that it has, decided or not (it may be the last that has what was decided), into one machine, adds
//! the first state of the next generation to it, sets its file aside, and founds a group with itself as the only voter.
//! Others join as they would any group, and their nodes vote again once the leader finds them.
//!
//! **The old group is fenced.** Frames carry the group, and no member answers another group's. A node that hears of a higher
//! generation sets its file aside, durably, before it says anything to the new group: so whatever the old group may still decide
//! without it is decided by nodes that have not heard yet, and is lost with it, as the operator was told.
//!
//! Two recoveries of one group that do not know of each other make two groups of one generation, which never mix. Recovering once
//! more, in the one that is to stay, fences the other.
//!
//! **Without an operator** there is one recovery: where the only voter's disk is lost, as its node shows by speaking from another one,
//! the first of its learners goes on. Nobody else can have decided anything since.

use std::sync::Arc;

use super::{
    decided::Decided,
    file::Content,
    founding::{Acceptor, Founding},
    handle::RecoverError,
    machine::Machine,
    member::{Group, MemberId},
    room::Room,
};
use crate::id::Epoch;

impl<D: Decided> Room<D> {
    /// Begins a new generation here. Raft must not be running.
    pub(super) async fn regenerate(&self) -> Result<Epoch, RecoverError> {
        let (mut machine, before) = self.shelf.read(|content| (folded(content), content.group));
        let generation = before.map_or(0, |group| group.generation) + 1;
        machine.regenerate(generation);
        let epoch = machine.current().map(|current| current.epoch()).ok_or(RecoverError::Nothing)?;
        let disk = self.random() as u32;
        let group = Group { generation, nonce: self.random() };
        let voters = [MemberId { node: self.plan.me, disk }].into();
        let founding = Acceptor::settled(Founding { group, machine: Arc::new(machine), voters });
        let content = Content { group: Some(group), founding, ..Content::new(disk) };
        self.begin_anew(content).await.map_err(|_| RecoverError::Stopping)?;
        Ok(epoch)
    }
}

/// All that a disk knows: the snapshot, the log behind it, and where there is neither what was accepted at the founding.
fn folded<D: Decided>(content: &Content<D>) -> Machine<D> {
    let mut machine = content.snapshot.as_ref().map_or_else(Machine::default, |(_, machine)| Machine::clone(machine));
    for entry in content.log.values() {
        if let openraft::EntryPayload::Normal(command) = &entry.payload {
            machine.apply(command);
        }
    }
    match (machine.current(), content.founding.accepted()) {
        (None, Some(founding)) => Machine::clone(&founding.machine),
        _ => machine,
    }
}
