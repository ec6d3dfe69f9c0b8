//! What the handlers share.

use std::{fmt, sync::Arc};

use prometheus_client::registry::Registry;

use super::{error::HttpError, metrics::HttpMetrics};
use crate::{
    clock::TokenKeys,
    error::Refusal,
    node::Status,
    placement::Member,
    runtime::{ConfigLog, Handle},
};

/// A monotonic clock in microseconds, for the latency of requests.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Adds metrics of another room (the journal's) to a scrape. Called once a scrape with an empty registry of that room's own.
pub type MoreMetrics = Arc<dyn Fn(&mut Registry) + Send + Sync>;

/// What an operator can set about requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest value, as JSON text.
    pub max_value_bytes: usize,
    /// Requests that take longer than this are logged as slow.
    pub slow_request_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_value_bytes: 1 << 20, slow_request_ms: 500 }
    }
}

/// One node, as HTTP sees it.
#[derive(Clone)]
pub struct App {
    /// The way into the node.
    pub handle: Handle,
    /// Its config log, where there is one that an operator may look at and force.
    pub config_log: Option<ConfigLog>,
    /// Seals and opens causal tokens.
    pub tokens: Arc<TokenKeys>,
    /// Bounds of requests.
    pub limits: Limits,
    /// What is counted here.
    pub metrics: Arc<HttpMetrics>,
    /// Shows the time that requests take.
    pub clock: Clock,
    /// Metrics of other rooms.
    pub more_metrics: Option<MoreMetrics>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("handle", &self.handle).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl App {
    /// The node's state.
    pub(super) async fn status(&self) -> Result<Status, HttpError> {
        self.handle.status().await.ok_or(HttpError::Refused(Refusal::Stopping))
    }

    /// The members that the node believes up, but for those that were taken out of the view.
    pub(super) async fn live_members(&self) -> Result<Vec<Member>, HttpError> {
        let status = self.status().await?;
        let config = self.handle.config();
        let up = status.peers.iter().filter(|peer| peer.up).filter_map(|peer| config.member(peer.node));
        Ok(up.filter(|member| !member.removed).cloned().collect())
    }
}
