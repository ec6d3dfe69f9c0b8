//! What a control log decides, and how one asks for the next decision. This room knows nothing of placements.

use std::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::id::Epoch;

/// One state of a pure state machine: the same change of the same state gives the same state on every node.
pub trait Decided: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What takes one state to the next.
    type Change: Clone + Debug + Display + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Why a change does not fit a state.
    type Refusal: Clone + Debug + Display + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Its number. Each change raises it by one.
    fn epoch(&self) -> Epoch;

    /// The state after a change: its epoch is the next of this generation, its parent this one.
    ///
    /// # Errors
    /// The change does not fit this state.
    fn changed(&self, change: &Self::Change) -> Result<Self, Self::Refusal>;

    /// The same as the first state of a later generation, with this one as its parent: what a forced recovery goes on from.
    fn regenerated(&self, generation: u32) -> Self;
}

/// Names one wish for a change, however often it is asked for. Drawn at random by who wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OperationId(pub u128);

impl Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A compare-and-swap: a change that is made if nothing else was decided since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal<C> {
    /// To be kept over retries: a change that was made is not made again, and is not taken for a conflict.
    pub operation: OperationId,
    /// The epoch that the change was made for.
    pub expected: Epoch,
    /// What is to change.
    pub change: C,
}

/// Why a proposal is not known to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProposeError<R: Debug + Display> {
    /// Something else was decided since. Certainly not made.
    #[error("the epoch is {current} by now")]
    Conflict {
        /// What the epoch was when the proposal's turn came.
        current: Epoch,
    },
    /// The change does not fit. Certainly not made.
    #[error("refused: {0}")]
    Refused(R),
    /// No leader was found in time that took it: what was proposed by this call is not made and never will be.
    #[error("no majority of the control log is reachable")]
    NoMajority,
    /// It was handed over and no answer came in time: it may have been made, and it may still be. Propose it again, under the same
    /// operation id, to learn which.
    #[error("the outcome is unknown")]
    Unknown,
    /// This node goes down, or takes no part in the control log any more. Not made by this call.
    #[error("the control log has stopped here")]
    Stopping,
}

/// What becomes of a proposal when its turn in the log comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<R> {
    /// It was made, now or before: this is its epoch.
    Made(Epoch),
    /// Something else was decided since.
    Conflict(Epoch),
    /// It does not fit.
    Refused(R),
}
