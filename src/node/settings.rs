//! What an operator can set about the protocol.

use crate::clock::ENTRY_CAP;

/// Times are in milliseconds of the node's monotonic clock unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a request waits here for what its token depends on before another replica is tried; 0 is allowed.
    pub causal_wait_ms: u64,
    /// How long after a heal a peer that was believed down gets no repair, pull, re-sent push or read failover.
    pub repair_holdoff_ms: u64,
    /// How long a forwarder waits for a member before it tries another (reads) or gives up (writes).
    pub forward_timeout_ms: u64,
    /// How long a write waits for its write concern.
    pub write_concern_wait_ms: u64,
    /// Between promises and gossip while nothing is written.
    pub idle_interval_ms: u64,
    /// Between promises and gossip while something is written.
    pub busy_interval_ms: u64,
    /// Silence after which a peer is avoided, at the least; adapts upwards to a slow link.
    pub suspect_after_ms: u64,
    /// Silence after which a node leaves the view. Above 2 s, since a node paused for that long keeps its place; below 5 s.
    pub down_after_ms: u64,
    /// How long a majority of the config's nodes must have believed a node down, each without a break, until it loses its place; 0 is
    /// never.
    pub evict_after_ms: u64,
    /// How far ahead of this node a token's hlc may be; half of it is how far a node's clock may be ahead of its peers'.
    pub drift_ms: u64,
    /// Bytes of keys, values, versions and retained records above which writes are refused; 0 is no bound.
    pub max_memory_bytes: u64,
    /// Bytes of records kept for peers that are behind; one that is further behind gets a snapshot.
    pub tail_bytes: u64,
    /// Bytes of one part of a snapshot, about: on this node's disk, and to a peer.
    pub part_bytes: u64,
    /// Bytes a second, counted as they lie in memory, that this node gives to peers in transfers of slots; 0 is no bound.
    pub transfer_bytes_per_s: u64,
    /// How many entries a token keeps at most; more are folded into its floor. Never above what a token's text has room for.
    pub token_entries: usize,
    /// How long an idempotency key is remembered, by hlc.
    pub operation_ttl_ms: u64,
    /// How many idempotency keys are remembered.
    pub operation_limit: usize,
    /// How many more times a forwarded request may be passed on.
    pub hop_limit: u8,
    /// Between comparisons of replicas by hash.
    pub digest_interval_ms: u64,
    /// How many requests may wait here at once; more are refused as overload.
    pub waiting_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            causal_wait_ms: 400,
            repair_holdoff_ms: 0,
            forward_timeout_ms: 400,
            write_concern_wait_ms: 1_000,
            idle_interval_ms: 50,
            busy_interval_ms: 5,
            suspect_after_ms: 500,
            down_after_ms: 3_200,
            evict_after_ms: 300_000,
            drift_ms: 500,
            max_memory_bytes: 0,
            tail_bytes: 64 << 20,
            part_bytes: 256 << 10,
            transfer_bytes_per_s: 0,
            token_entries: ENTRY_CAP,
            operation_ttl_ms: 600_000,
            operation_limit: 100_000,
            hop_limit: 3,
            digest_interval_ms: 1_000,
            waiting_limit: 100_000,
        }
    }
}

impl Settings {
    /// How long a forwarder waits for one member with what may be tried elsewhere.
    pub fn attempt_ms(&self) -> u64 {
        self.forward_timeout_ms.max(self.causal_wait_ms)
    }

    /// How long a client's request may take in all: two members, or a wait here and one there. The write concern's wait comes on top.
    pub fn patience_ms(&self) -> u64 {
        2 * self.attempt_ms() + 100
    }
}
