//! What the links to and from peers count, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// Since the process started, over all peers.
#[derive(Debug, Default)]
pub struct LinkStats {
    /// Outgoing connections that were let in.
    pub connected: Count,
    /// Connections, either way, that broke after they were let in.
    pub broken: Count,
    /// Callers that were not let in.
    pub refused: Count,
    /// Connections closed for a frame that is none: damaged, cut short, too long, of another version.
    pub bad_frames: Count,
    /// Bytes written to peers, frame headers included.
    pub sent_bytes: Count,
    /// Writes to sockets: fewer than frames when batches form.
    pub writes: Count,
    /// Frames handed to a link.
    pub handed_frames: Count,
    /// Frames that were not taken: no connection, or a full queue.
    pub not_sent_frames: Count,
    /// Frames that came in whole.
    pub received_frames: Count,
}
