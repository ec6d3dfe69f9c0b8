//! The state machine as raft drives it: in memory, with its snapshots on the shelf, and what it decides published.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, TryStreamExt};
use openraft::{
    EntryPayload, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine, Snapshot},
};

use super::{
    decided::{Decided, Outcome},
    file::{Record, Shelf},
    machine::Machine,
    published::Published,
    types::{LogId, Membership, SnapshotMeta, Types},
};
use crate::id::Epoch;

/// Up to where the log is applied, and what that led to.
struct Applied<D: Decided> {
    last: Option<LogId<D>>,
    membership: Membership<D>,
    machine: Arc<Machine<D>>,
}

/// See the module.
pub struct MachineStore<D: Decided> {
    shelf: Shelf<D>,
    applied: Arc<Mutex<Applied<D>>>,
    published: Published<D>,
}

impl<D: Decided> Clone for MachineStore<D> {
    fn clone(&self) -> Self {
        Self { shelf: self.shelf.clone(), applied: self.applied.clone(), published: self.published.clone() }
    }
}

impl<D: Decided> MachineStore<D> {
    /// From the snapshot; raft applies the log behind it.
    pub(super) fn open(shelf: Shelf<D>, published: Published<D>) -> Self {
        let snapshot = shelf.read(|content| content.snapshot.clone());
        let applied = match snapshot {
            Some((meta, machine)) => Applied { last: meta.last_log_id, membership: meta.last_membership, machine },
            None => Applied { last: None, membership: Membership::<D>::default(), machine: Arc::default() },
        };
        published.publish(&applied.machine);
        Self { shelf, applied: Arc::new(Mutex::new(applied)), published }
    }

    /// What the log has led to so far.
    pub(super) fn machine(&self) -> Arc<Machine<D>> {
        self.applied().machine.clone()
    }

    fn applied(&self) -> MutexGuard<'_, Applied<D>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Decided> RaftSnapshotBuilder<Types<D>> for MachineStore<D> {
    type SnapshotData = Arc<Machine<D>>;

    async fn build_snapshot(&mut self) -> io::Result<openraft::alias::SnapshotOf<Types<D>, Arc<Machine<D>>>> {
        let (meta, machine) = {
            let applied = self.applied();
            let meta = SnapshotMeta::<D> { last_log_id: applied.last, last_membership: applied.membership.clone() };
            (meta, applied.machine.clone())
        };
        self.shelf.keep(Record::Snapshot(meta.clone(), machine.clone())).await.map_err(io::Error::other)?;
        Ok(Snapshot { meta, snapshot: machine })
    }
}

impl<D: Decided> RaftStateMachine<Types<D>> for MachineStore<D> {
    type SnapshotData = Arc<Machine<D>>;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId<D>>, Membership<D>)> {
        let applied = self.applied();
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types<D>>>> + Unpin + Send,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let outcome = {
                let mut applied = self.applied();
                applied.last = Some(entry.log_id);
                match entry.payload {
                    EntryPayload::Blank => Outcome::Made(Epoch::default()),
                    EntryPayload::Membership(membership) => {
                        applied.membership = Membership::<D>::new(Some(entry.log_id), membership);
                        Outcome::Made(Epoch::default())
                    }
                    EntryPayload::Normal(command) => {
                        let outcome = Arc::make_mut(&mut applied.machine).apply(&command);
                        self.published.publish(&applied.machine);
                        outcome
                    }
                }
            };
            if let Some(responder) = responder {
                responder.send(outcome);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta<D>, machine: Arc<Machine<D>>) -> io::Result<()> {
        self.shelf.keep(Record::Snapshot(meta.clone(), machine.clone())).await.map_err(io::Error::other)?;
        let mut applied = self.applied();
        self.published.publish(&machine);
        *applied = Applied { last: meta.last_log_id, membership: meta.last_membership.clone(), machine };
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<openraft::alias::SnapshotOf<Types<D>, Arc<Machine<D>>>>> {
        let snapshot = self.shelf.read(|content| content.snapshot.clone());
        Ok(snapshot.map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}
