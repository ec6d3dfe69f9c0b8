//! The types that openraft is put together from.

use std::{cmp::Ordering, fmt, marker::PhantomData, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    decided::{Decided, Outcome, Proposal},
    machine::Machine,
    raft_runtime::EnvRuntime,
};

/// What the log holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Command<D: Decided> {
    /// The first state, or after a forced recovery the states before it too. Of several, the first one counts.
    Found(Arc<Machine<D>>),
    /// A change.
    Propose(Proposal<D::Change>),
}

impl<D: Decided> fmt::Display for Command<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(first) => match first.current() {
                Some(first) => write!(f, "found {}", first.epoch()),
                None => f.write_str("found nothing"),
            },
            Self::Propose(proposal) => write!(f, "{} after {}", proposal.change, proposal.expected),
        }
    }
}

/// See the module.
pub struct Types<D>(PhantomData<fn() -> D>);

impl<D: Decided> openraft::RaftTypeConfig for Types<D> {
    type D = Command<D>;
    type R = Outcome<D::Refusal>;
    type NodeId = u64;
    type Node = openraft::EmptyNode;
    type Term = u64;
    type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Self::D, u64, Self::Node>;
    type Entry = openraft::Entry<<Self::LeaderId as openraft::vote::RaftLeaderId>::Committed, Self::Payload>;
    type AsyncRuntime = EnvRuntime;
    type Responder<T>
        = openraft::impls::OneshotResponder<Self, T>
    where
        T: Send + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: Send + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

pub(super) type Vote<D> = openraft::alias::VoteOf<Types<D>>;
pub(super) type Entry<D> = openraft::alias::EntryOf<Types<D>>;
pub(super) type LogId<D> = openraft::alias::LogIdOf<Types<D>>;
pub(super) type Membership<D> = openraft::alias::StoredMembershipOf<Types<D>>;
pub(super) type SnapshotMeta<D> = openraft::alias::SnapshotMetaOf<Types<D>>;
pub(super) type Raft<D> = openraft::Raft<Types<D>, super::machine_store::MachineStore<D>>;

// Derived, these would ask the same of `D`, of which there is none inside.
impl<D> fmt::Debug for Types<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Types")
    }
}

impl<D> Clone for Types<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Types<D> {}

impl<D> Default for Types<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<D> PartialEq for Types<D> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<D> Eq for Types<D> {}

impl<D> PartialOrd for Types<D> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<D> Ord for Types<D> {
    fn cmp(&self, _other: &Self) -> Ordering {
        Ordering::Equal
    }
}
