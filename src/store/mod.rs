//! What a replica keeps: versions of keys, the conflict rule, tombstones; and the forms in which it is on disk.
//!
//! Values, laws and formats only. Who reads and writes the disk is `runtime`.

mod record;
mod table;
mod version;

pub use record::{Marks, Operation, OperationId, Record, Recovered, Remembered, Snapshot, SnapshotHead, Verdict, Write};
pub use table::{Applied, Table};
pub use version::{ContentType, Key, MAX_KEY_CHARS, Order, Value, Version};
