//! What an operator may set about the control log.

/// Times of the control log. By the defaults another member leads about 1.7 seconds after a leader lost power, and an idle group of three
/// exchanges ten frames a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// How often the leader says that it is there.
    pub heartbeat_ms: u64,
    /// A voter waits for the longest of these times before it believes that there is no leader, and then for one drawn between both
    /// before it stands for election.
    pub election_min_ms: u64,
    /// See `election_min_ms`.
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
            election_min_ms: 600,
            election_max_ms: 900,
            propose_limit_ms: 5_000,
            replace_after_ms: 10_000,
            founding_patience_ms: 3_000,
        }
    }
}
