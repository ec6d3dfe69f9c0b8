//! What a replica keeps: versions of keys, the conflict rule, tombstones; and the forms in which it is on disk.
//!
//! Values, laws and formats only. Who reads and writes the disk is `runtime`.

pub mod log;
mod marks_file;
mod record;
mod set_aside;
mod snapshot_file;
mod table;
mod version;

pub use record::{Marks, Operation, OperationId, Record, Recovered, Remembered, Snapshot, SnapshotHead, Verdict, Write};
pub use table::{Applied, Size, Slots, Table};
pub use version::{ContentType, Horizon, Key, MAX_KEY_CHARS, Order, Value, Version};

pub use log::{Position, SECTOR_BYTES};
pub use marks_file::{
    FsyncPolicy, Holes, Identity, MARKS_FILE_BYTES, MARKS_NAME, MARKS_SLOT_BYTES, MarksContent, MarksScan, MarksSlot,
    MarksTooLarge, NoSuchPolicy, SlotState, Stop, scan_marks,
};
pub use set_aside::{SET_ASIDE_TEMPORARY_NAME, SetAside, set_aside_actor, set_aside_name};
pub use snapshot_file::{
    CHUNK_HEAD_BYTES, ChunkHead, MAX_CHUNK_BYTES, Progress, SNAPSHOT_TEMPORARY_NAME, SnapshotDecoder, SnapshotEncoder,
    SnapshotError, snapshot_name, snapshot_segment,
};
