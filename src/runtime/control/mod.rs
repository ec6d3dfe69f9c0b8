//! The control log: a small replicated log of states, each decided once by a majority of voters.
//!
//! ```text
//!   Control (propose, current, watch)            decided   what is decided: a trait
//!      |                                         machine   the last states and who asked for them
//!    room  one node's part, from its file to its end
//!    /  |   |      \
//! found propose serve take_part ----> openraft <---- raft_runtime (any Env), network, log_store, machine_store
//!    \  |   |      /                                    |                          |
//!      desk  questions and answers                      |                        file  one file a disk
//!        |   wire                                       |
//!      links: frames to and from other nodes          Env: time, tasks, chance
//! ```
//!
//! Data operations do not come here: they need no majority. Changes of the config do.
//!
//! - A member is a node and its disk ([`MemberId`]): a wiped disk never votes under the name of the one that forgot.
//! - A group founds itself once (`founding`), and again only by an operator's force (`recovery`); a [`Group`] names which.
//! - 1, 3 or 5 nodes vote, the others learn (`voters`).
//! - What a member must not forget is in one file (`file`).
//!
//! It runs the same in both worlds: nothing here names either.

mod decided;
mod desk;
mod file;
mod found;
mod founding;
#[cfg(test)]
mod goldens;
mod handle;
mod log_store;
mod machine;
mod machine_store;
mod member;
mod network;
mod propose;
mod published;
mod raft_runtime;
mod recovery;
mod room;
pub mod sample;
mod serve;
mod settings;
mod take_part;
mod types;
mod voters;
mod wire;

pub use decided::{Decided, OperationId, Proposal, ProposeError};
pub use desk::SendFrame;
pub use file::{ASIDE_PREFIX, CONTROL_NAME, newer_version};
pub use handle::{Control, ControlLog, ControlStatus, Liveness, Phase, RecoverError};
pub use machine::KEPT_STATES;
pub use member::{Group, MemberId};
pub use published::Watch;
pub use room::{ControlLinks, ControlPlan, start};
pub use settings::ControlSettings;
