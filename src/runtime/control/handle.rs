//! The way into a node's control log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::{
    decided::{Decided, Proposal, ProposeError},
    member::{Group, MemberId},
    published::{Published, Watch},
};
use crate::id::{Epoch, NodeId};

/// Whether a node is believed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is.
    Up,
    /// It is not.
    Down,
}

/// How a node stands to the control log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It opens its file.
    #[default]
    Opening,
    /// It is in no group yet: it asks around, and may found one.
    Founding,
    /// It is in a group.
    Member,
    /// Its file failed. It takes no part until it is started again, with a new disk number.
    Failed,
    /// It went down.
    Stopped,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening",
            Self::Founding => "founding",
            Self::Member => "member",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// What a node knows of the group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControlStatus {
    /// How it stands to it.
    pub phase: Phase,
    /// Its own name there.
    pub member: Option<MemberId>,
    /// The group.
    pub group: Option<Group>,
    /// Who leads, as far as this node knows.
    pub leader: Option<MemberId>,
    /// Who votes.
    pub voters: BTreeSet<MemberId>,
    /// Who learns.
    pub learners: BTreeSet<MemberId>,
    /// A file that was found damaged when this process started is kept under this name.
    pub set_aside: Vec<String>,
}

/// Why a forced recovery did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecoverError {
    /// This node knows no state that it could go on from.
    #[error("there is nothing on this node to recover from")]
    Nothing,
    /// The disk failed, or the node goes down.
    #[error("the control log has stopped here")]
    Stopping,
}

/// What a node's control log is asked.
pub(super) enum Order<D: Decided> {
    Propose(Proposal<D::Change>, oneshot::Sender<Result<Epoch, ProposeError<D::Refusal>>>),
    Members(BTreeMap<NodeId, Liveness>),
    Recover(oneshot::Sender<Result<Epoch, RecoverError>>),
    Stop(oneshot::Sender<()>),
}

/// A replicated log of states, each decided once.
pub trait ControlLog<D: Decided>: Clone + Send + Sync + 'static {
    /// Has a change decided, through whoever leads. Returns the epoch that it made, within the time that the settings give it.
    ///
    /// # Errors
    /// [`ProposeError`], each of which says whether the change may have been made.
    fn propose(&self, proposal: Proposal<D::Change>) -> impl Future<Output = Result<Epoch, ProposeError<D::Refusal>>> + Send;

    /// The newest state that this node knows to be decided; `None` before the first.
    fn current(&self) -> Option<Arc<D>>;

    /// Every state behind an epoch (or all that are kept) in order, as this node learns that it is decided.
    fn watch(&self, seen: Option<Epoch>) -> Watch<D>;
}

/// A node's control log. Cheap to clone.
pub struct Control<D: Decided> {
    pub(super) orders: mpsc::UnboundedSender<Order<D>>,
    pub(super) published: Published<D>,
    pub(super) status: Arc<Mutex<ControlStatus>>,
}

impl<D: Decided> Clone for Control<D> {
    fn clone(&self) -> Self {
        Self { orders: self.orders.clone(), published: self.published.clone(), status: self.status.clone() }
    }
}

impl<D: Decided> ControlLog<D> for Control<D> {
    async fn propose(&self, proposal: Proposal<D::Change>) -> Result<Epoch, ProposeError<D::Refusal>> {
        let (reply, answer) = oneshot::channel();
        if self.orders.send(Order::Propose(proposal, reply)).is_err() {
            return Err(ProposeError::Stopping);
        }
        answer.await.unwrap_or(Err(ProposeError::Unknown))
    }

    fn current(&self) -> Option<Arc<D>> {
        self.published.current()
    }

    fn watch(&self, seen: Option<Epoch>) -> Watch<D> {
        Watch::new(self.published.clone(), seen)
    }
}

impl<D: Decided> Control<D> {
    /// Which nodes should be in the group, and which of them are believed up. To be told again whenever that changes.
    pub fn members(&self, members: BTreeMap<NodeId, Liveness>) {
        let _ = self.orders.send(Order::Members(members));
    }

    /// An operator's command at a node that knows of no majority: begins a new generation, with this node as its only voter, from
    /// what it has. Returns the epoch of its first state. Who is in the old generation leaves it once it hears of the new one.
    ///
    /// # Errors
    /// [`RecoverError`]; nothing has changed then.
    pub async fn recover(&self) -> Result<Epoch, RecoverError> {
        let (reply, answer) = oneshot::channel();
        let _ = self.orders.send(Order::Recover(reply));
        answer.await.unwrap_or(Err(RecoverError::Stopping))
    }

    /// Goes down. Proposals that are under way end as unknown.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.orders.send(Order::Stop(reply)).is_ok() {
            let _ = stopped.await;
        }
    }

    /// What this node knows of the group.
    pub fn status(&self) -> ControlStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
