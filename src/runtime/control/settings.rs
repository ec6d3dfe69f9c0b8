//! What an operator may set about the control log.

/// Times of the control log. The defaults find a new leader within about two seconds and cost a message a second and member when idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// How often the leader says that it is there.
    pub heartbeat_ms: u64,
    /// For how long a leader may be silent, at least.
    pub election_min_ms: u64,
    /// The same, at most: each time is drawn between.
    pub election_max_ms: u64,
    /// How long a proposal may take.
    pub propose_limit_ms: u64,
    /// For how long a voter may be down before a learner takes its place.
    pub replace_after_ms: u64,
    /// For how long a founding waits for all listed nodes before a majority of them is enough.
    pub founding_patience_ms: u64,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            heartbeat_ms: 400,
            election_min_ms: 1_200,
            election_max_ms: 1_800,
            propose_limit_ms: 5_000,
            replace_after_ms: 10_000,
            founding_patience_ms: 3_000,
        }
    }
}
