//! The one file that a member of the control log keeps: its disk number, its votes, its part of the log.
//!
//! ```text
//! | head | frame | frame | ... | seal | zeros ...        each begins a sector of its own
//! ```
//!
//! - A **frame** holds one [`Record`] and says up to where the file was durable when it was written. Everything that raft must not
//!   forget is written and synced before anyone is told, whatever the fsync policy of the node's own log: there is little of it.
//!   Sectors of their own, since a write that is torn then harms nothing that was durable.
//! - The **seal** is an empty frame behind the last one, written once that is durable and never synced. With it, damage of
//!   the last frame is told from a torn write. The next frame takes its place.
//! - What does not read right is a *torn tail* where no whole frame says that the file was durable beyond: no one was told of it, and
//!   it is cut. Else the file is *damaged*: it may have forgotten a vote.
//!
//! The file is written anew beside itself and renamed over the old one once it is long. It is made longer than it needs to be, so
//! that a disk that gets full still takes some votes; then a write waits for room, and raft with it, which to others looks like a
//! member that is down.
//!
//! **A member never votes again** under its name once its file is damaged, or once a write or sync failed for other reasons than
//! room. The file is set aside under another name and the node begins with an empty one, under a new disk number, as one that joins.
//! Where even the renaming fails nothing is lost: all that this member ever told others was durable before the failure.
//!
//! A file of a later version is left alone: the node does not start (see [`newer_version`]).
//!
//! What was readable at the start is written and synced again before it is believed: the process before may have been killed
//! between write and sync.

mod content;
mod frame;
#[cfg(test)]
pub(super) mod goldens;
mod scan;
mod shelf;
mod task;

pub(super) use content::{Content, Record};
pub(super) use shelf::{Failure, Opened, Shelf, open};
pub use task::newer_version;

/// The file's name.
pub const CONTROL_NAME: &str = "control-log";
/// Under which it is written anew.
const TEMPORARY_NAME: &str = "control-log.tmp";
/// How the name of a file begins that was set aside.
pub const ASIDE_PREFIX: &str = "control-aside-";
