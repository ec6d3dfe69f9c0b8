//! What the fuzz targets share: a way to damage bytes that were right, and nodes to which anything is said.
//!
//! Each target takes arbitrary bytes and must neither panic nor believe what was never written. Arbitrary bytes hardly ever have the
//! right checksum, so the targets for the log and the snapshot read them as a list of [`edits`](edit) to a file that was right, and
//! those for records and messages put them behind the checksum.

mod disk_form;
mod edit;
mod node;
mod world;

pub use disk_form::{entries, records, segment, snapshot};
pub use edit::edit;
pub use node::Shard;
pub use world::{Answer, Web};
