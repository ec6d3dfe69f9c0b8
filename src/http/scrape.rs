//! `/metrics`: what HTTP counted, what the node knows of itself, and what other rooms add, as OpenMetrics text.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::ConstCounter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::{Registry, Unit},
};

use super::{App, error::HttpError};
use crate::{
    node::{Counters, PeerStatus, Status, WhyNoWrites},
    placement::Config,
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PREFIX: &str = "causeway";
/// All of them, so that none is missing from the page while it does not apply.
const REASONS: [WhyNoWrites; 6] = [
    WhyNoWrites::Starting,
    WhyNoWrites::NeedsNewActor,
    WhyNoWrites::FsyncFailed,
    WhyNoWrites::ClockAhead,
    WhyNoWrites::TakingOver,
    WhyNoWrites::NoSeat,
];

type ByNode<M> = Family<[(&'static str, String); 1], M>;

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Response, HttpError> {
    let mut node = Registry::with_prefix(PREFIX);
    add_status(&mut node, &app.status().await?, &app.handle.config());
    let mut more = Registry::with_prefix(PREFIX);
    if let Some(add) = &app.more_metrics {
        add(&mut more);
    }
    let mut page = String::new();
    let encoded = [app.metrics.registry(), &node, &more]
        .into_iter()
        .try_for_each(|registry| text::encode_registry(&mut page, registry))
        .and_then(|()| text::encode_eof(&mut page));
    // A `String` takes whatever is written to it.
    debug_assert!(encoded.is_ok());
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], page).into_response())
}

fn add_status(registry: &mut Registry, status: &Status, config: &Config) {
    gauge(registry, "serves", "1 once the node has caught up", u64::from(status.serves));
    gauge(registry, "keys", "Live keys held here", status.keys);
    gauge(registry, "tombstones", "Tombstones held here", status.tombstones);
    gauge(registry, "unstable_versions", "Versions whose dependencies are still kept", status.unstable_versions);
    gauge(registry, "waiting_requests", "Requests that wait in the node", status.waiting);
    gauge(registry, "peers_behind", "Peers that are up and lack what this node wrote", status.peers_behind());
    bytes(registry, "memory", "Estimated size of keys, values, versions and retained records", status.memory_bytes);
    bytes(registry, "tail", "Records kept for peers that are behind", status.tail_bytes);
    let lag = seconds(status.stable_lag_ms);
    let help = "How far the stable time is behind this node's clock";
    registry.register_with_unit("stable_time_lag", help, Unit::Seconds, lag);
    let culprit = status.stable_culprit.and_then(|node| config.member(node));
    if let Some(member) = culprit {
        let name = Info::new([("address", member.address.clone())]);
        registry.register("stable_time_culprit", "The node whose report holds the stable time back", name);
    }
    let help = "Records that only this node had when its actor was cut off, kept on its disk";
    gauge(registry, "set_aside_records", help, status.set_aside);
    add_writing(registry, status.no_writes);
    add_peers(registry, status, config);
    add_counters(registry, &status.counters);
}

fn add_writing(registry: &mut Registry, no_writes: Option<WhyNoWrites>) {
    gauge(registry, "takes_writes", "1 while the node takes writes itself", u64::from(no_writes.is_none()));
    let reasons: ByNode<Gauge> = Family::default();
    for reason in REASONS {
        let applies = no_writes == Some(reason);
        reasons.get_or_create(&[("reason", reason.to_string())]).set(applies.into());
    }
    registry.register("takes_no_writes", "1 for the reason why the node takes no writes", reasons);
}

fn add_peers(registry: &mut Registry, status: &Status, config: &Config) {
    type Measure = fn(&PeerStatus) -> Option<f64>;
    let measures: [(&str, &str, Option<Unit>, Measure); 5] = [
        ("peer_up", "1 while the peer is in the view", None, |peer| Some(peer.up.into())),
        ("peer_suspected", "1 while the peer is avoided", None, |peer| Some(peer.suspected.into())),
        ("peer_takes_writes", "1 while the peer says that it takes writes", None, |peer| Some(peer.takes_writes.into())),
        ("peer_lag", "How far this node is behind the peer's records", Some(Unit::Seconds), |peer| {
            peer.lag_ms.map(|ms| ms as f64 / 1e3)
        }),
        ("peer_clock_ahead", "By how much the peer's clock seems ahead", Some(Unit::Seconds), |peer| {
            Some(peer.clock_ahead_ms as f64 / 1e3)
        }),
    ];
    for (name, help, unit, measure) in measures {
        let family: ByNode<Gauge<f64, std::sync::atomic::AtomicU64>> = Family::default();
        for peer in status.peers.iter().filter(|peer| peer.node != status.node) {
            if let (Some(value), Some(member)) = (measure(peer), config.member(peer.node)) {
                family.get_or_create(&[("address", member.address.clone())]).set(value);
            }
        }
        match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, family),
            None => registry.register(name, help, family),
        }
    }
}

fn add_counters(registry: &mut Registry, counters: &Counters) {
    for (name, help, count) in [
        ("gets", "Reads answered here", counters.gets),
        ("writes", "Writes accepted here", counters.writes),
        ("waits", "Requests that had to wait for their dependencies", counters.waits),
        ("not_satisfied", "Requests whose dependencies did not arrive", counters.not_satisfied),
        ("forwards", "Requests passed on to another node", counters.forwards),
        ("cannot_forward", "Requests for whose shard no member could be reached", counters.cannot_forward),
        ("outcome_unknown", "Writes whose outcome stayed unknown", counters.outcome_unknown),
        ("retries_recognised", "Retries answered from memory", counters.retries_recognised),
        ("applied", "Records applied, own and replicated", counters.applied),
        ("pulls", "Pulls asked for", counters.pulls),
        ("snapshots_installed", "Snapshots taken over from peers", counters.snapshots_installed),
        ("transfer_given_bytes", "Bytes given to peers in transfers, as they lie in memory", counters.transfer_given_bytes),
        ("transfer_taken_bytes", "Bytes that came from peers in transfers", counters.transfer_taken_bytes),
        ("tombstones_collected", "Tombstones collected", counters.tombstones_collected),
        ("tokens_ahead", "Tokens further ahead than the allowed drift", counters.tokens_ahead),
        ("corrupt_ranges", "Slot ranges that differ at equal vectors", counters.corrupt_ranges),
        ("causal_gaps", "Answers to sessions that have seen a write that was cut off", counters.causal_gaps),
        ("set_aside", "Records that were set aside since the node's actor was cut off", counters.set_aside),
        ("stale_messages", "Messages dropped as stale", counters.stale_messages),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, ConstGauge::new(value as f64));
}

fn bytes(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(value as f64));
}

fn seconds(ms: u64) -> ConstGauge<f64> {
    ConstGauge::new(ms as f64 / 1e3)
}
