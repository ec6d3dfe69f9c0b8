//! What HTTP itself counts. What the node knows of itself is read at each scrape, in `scrape`.

use std::{
    fmt::{self, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::{HeaderValue, Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::Route;

/// Seconds; from a read in memory to a request that waited for everything it may wait for.
const LATENCY_BUCKETS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Characters; a token has at most 1,050.
const TOKEN_BUCKETS: [f64; 9] = [16.0, 32.0, 48.0, 64.0, 100.0, 200.0, 400.0, 800.0, 1_050.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Route,
    method: MethodLabel,
    status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LatencyLabels {
    route: Route,
    method: MethodLabel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

/// One request and its answer.
pub(super) struct Seen<'a> {
    pub route: Route,
    pub method: &'a Method,
    pub status: StatusCode,
    pub latency_us: u64,
}

/// Counts of one process's HTTP.
#[derive(Debug)]
pub struct HttpMetrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<LatencyLabels, Histogram, fn() -> Histogram>,
    refusals: Family<CauseLabel, Counter>,
    token_chars: Histogram,
    connections: Gauge,
    connections_refused: Family<CauseLabel, Counter>,
    connections_failed: Family<CauseLabel, Counter>,
    request_names: AtomicU64,
}

/// Counted as open until it is dropped.
pub(super) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("causeway"),
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            refusals: Family::default(),
            token_chars: Histogram::new(TOKEN_BUCKETS),
            connections: Gauge::default(),
            connections_refused: Family::default(),
            connections_failed: Family::default(),
            request_names: AtomicU64::default(),
        };
        metrics.register();
        metrics
    }
}

impl HttpMetrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests by route, method and status", self.requests.clone());
        let latency = self.latency.clone();
        registry.register_with_unit("http_request_duration", "Time that requests took", Unit::Seconds, latency);
        registry.register("http_refusals", "Legal requests that were not done, by cause", self.refusals.clone());
        registry.register("token_characters", "Sizes of the causal tokens given out", self.token_chars.clone());
        registry.register("http_connections", "Open client connections", self.connections.clone());
        let refused = self.connections_refused.clone();
        registry.register("http_connections_refused", "Connections over a limit, by limit", refused);
        let failed = self.connections_failed.clone();
        registry.register("http_connections_failed", "Connections ended by slow clients, broken requests, broken links", failed);
    }

    /// What to encode at a scrape.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn saw_request(&self, seen: &Seen<'_>) {
        let (route, method) = (seen.route, seen.method.into());
        self.requests.get_or_create(&RequestLabels { route, method, status: seen.status.as_u16() }).inc();
        self.latency.get_or_create(&LatencyLabels { route, method }).observe(seen.latency_us as f64 / 1e6);
    }

    pub(super) fn saw_refusal(&self, cause: &'static str) {
        self.refusals.get_or_create(&CauseLabel { cause }).inc();
    }

    pub(super) fn saw_token(&self, chars: usize) {
        self.token_chars.observe(chars as f64);
    }

    pub(super) fn opened_connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    pub(super) fn refused_connection(&self, cause: &'static str) {
        self.connections_refused.get_or_create(&CauseLabel { cause }).inc();
    }

    pub(super) fn failed_connection(&self, cause: &'static str) {
        self.connections_failed.get_or_create(&CauseLabel { cause }).inc();
    }

    /// A name for a request whose client gave none.
    pub(super) fn next_request_name(&self) -> HeaderValue {
        self.request_names.fetch_add(1, Ordering::Relaxed).into()
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        encoder.write_str(self.path())
    }
}

/// Methods are the client's to invent; labels are not. A number, and not a text, since it is hashed twice for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum MethodLabel {
    Get,
    Head,
    Put,
    Delete,
    Post,
    Patch,
    Options,
    Other,
}

impl From<&Method> for MethodLabel {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::POST => Self::Post,
            Method::PATCH => Self::Patch,
            Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }
}

impl EncodeLabelValue for MethodLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        encoder.write_str(match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Other => "other",
        })
    }
}
