//! Bounds of connections.

/// What an operator can set about connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptSettings {
    /// For the whole head of a request, from its first byte or from the connection's start.
    pub head_timeout_ms: u64,
    /// For the whole body of a request.
    pub body_timeout_ms: u64,
    /// Between an answer and the first byte of the next request.
    pub idle_timeout_ms: u64,
    /// For a client to take some more of its answer.
    pub write_timeout_ms: u64,
    /// When stopping: for requests that are under way.
    pub drain_timeout_ms: u64,
    /// The largest head: request line and headers.
    pub max_head_bytes: usize,
    /// Open connections, all together.
    pub max_connections: usize,
    /// Open connections of one client address.
    pub max_connections_per_client: usize,
}

impl Default for AcceptSettings {
    fn default() -> Self {
        Self {
            head_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            idle_timeout_ms: 75_000,
            write_timeout_ms: 30_000,
            drain_timeout_ms: 5_000,
            max_head_bytes: 16 << 10,
            max_connections: 4_096,
            max_connections_per_client: 1_024,
        }
    }
}
