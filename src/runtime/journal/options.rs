//! What a journal is told when it is opened, and what can go wrong then.

use std::io;

use thiserror::Error;

use crate::store::{FsyncPolicy, Identity};

/// How a journal works, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalOptions {
    /// When a record counts as durable. Marks are always synced.
    pub policy: FsyncPolicy,
    /// How long a segment grows before the next one is begun.
    pub segment_bytes: u64,
    /// How much log makes a snapshot due.
    pub snapshot_after_bytes: u64,
    /// Whose data it is: that of others is refused.
    pub identity: Identity,
    /// Drawn at random at each start, so that bytes within a client's value cannot pass for a frame of the log.
    pub salt: u64,
}

impl JournalOptions {
    /// The defaults, for this owner.
    pub fn new(identity: Identity, salt: u64) -> Self {
        let policy = FsyncPolicy::default();
        Self { policy, segment_bytes: 64 << 20, snapshot_after_bytes: 256 << 20, identity, salt }
    }
}

/// Why a journal could not be opened. Nothing was changed that matters.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The folder holds another cluster's data.
    #[error("the data is of cluster {found:016x}, not of {expected:016x}")]
    OtherCluster {
        /// Whose it is.
        found: u64,
        /// Who asked.
        expected: u64,
    },
    /// The folder holds another node's data.
    #[error("the data is of node {found}, not of {expected}")]
    OtherNode {
        /// Whose it is: an address, or its hash where the marks are lost.
        found: String,
        /// Who asked.
        expected: String,
    },
    /// The folder was written by a later version of this program.
    #[error("segment {segment} has format version {version}, which is newer than this program")]
    Newer {
        /// The segment.
        segment: u64,
        /// Its format version.
        version: u8,
    },
    /// A snapshot was.
    #[error("snapshot {segment} has format version {version}, which is newer than this program")]
    NewerSnapshot {
        /// The segment at which the log goes on behind it.
        segment: u64,
        /// Its format version.
        version: u8,
    },
    /// The marks were.
    #[error("the marks have format version {0}, which is newer than this program")]
    NewerMarks(u8),
    /// The config log's file was.
    #[error("the config log has format version {0}, which is newer than this program")]
    NewerConfigLog(u8),
    /// Its task ended before it had begun: the process is going down.
    #[error("the journal is gone")]
    Gone,
    /// The disk failed.
    #[error("{name}: {source}")]
    Disk {
        /// The file.
        name: String,
        /// How.
        source: io::Error,
    },
}

/// Names the file in an error of the disk.
pub(super) fn disk_error(name: impl Into<String>) -> impl FnOnce(io::Error) -> JournalError {
    let name = name.into();
    move |source| JournalError::Disk { name, source }
}
