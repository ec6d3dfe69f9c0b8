//! What links and journal count, as metrics: read at each scrape.

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::runtime::{journal::JournalStats, tokio::LinkStats};

/// Adds what the links to peers count.
pub(super) fn add_links(registry: &mut Registry, stats: &LinkStats) {
    for (name, help, count) in [
        ("links_connected", "Outgoing links that were let in", &stats.connected),
        ("links_broken", "Links, either way, that broke", &stats.broken),
        ("links_refused", "Callers that were not let in", &stats.refused),
        ("link_bad_frames", "Links closed for a damaged, cut, overlong or unknown frame", &stats.bad_frames),
        ("link_sent_bytes", "Bytes written to peers", &stats.sent_bytes),
        ("link_socket_writes", "Writes to peers' sockets", &stats.writes),
        ("link_handed_frames", "Frames handed to a link", &stats.handed_frames),
        ("link_not_sent_frames", "Frames not taken: no link, or a full queue", &stats.not_sent_frames),
        ("link_received_frames", "Frames that came in whole", &stats.received_frames),
    ] {
        registry.register(name, help, ConstCounter::new(count.get()));
    }
}

/// Adds what the journal counts.
pub(super) fn add_journal(registry: &mut Registry, stats: &JournalStats) {
    for (name, help, count) in [
        ("log_records", "Records written to the log", stats.records()),
        ("log_frames", "Group commits written to the log", stats.frames()),
        ("log_bytes", "Bytes written to the log", stats.log_bytes()),
        ("log_refused_records", "Records that found no room", stats.refused_records()),
        ("log_failures", "Failed writes or syncs of the log: the node takes no writes after one", stats.sync_failures()),
        ("marks", "Marks made durable", stats.marks()),
        ("mark_failures", "Marks that could not be made durable", stats.mark_failures()),
        ("snapshots", "Snapshots put in place", stats.snapshots()),
        ("snapshots_given_up", "Snapshots given up", stats.snapshots_given_up()),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
    let waiting = ConstGauge::new(stats.queue());
    registry.register("journal_queue", "Commands that waited when the journal last took some", waiting);
    let buckets = stats.sync_buckets().map(|(bound_us, count)| (bound_us.map_or(f64::INFINITY, seconds), count)).collect();
    let times = SyncTimes { sum_s: seconds(stats.sync_us()), count: stats.syncs(), buckets };
    registry.register_with_unit("log_sync_time", "How long syncs of the log took", Unit::Seconds, times);
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// A histogram that the journal has already filled.
#[derive(Debug)]
struct SyncTimes {
    sum_s: f64,
    count: u64,
    buckets: Vec<(f64, u64)>,
}

impl EncodeMetric for SyncTimes {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.encode_histogram::<NoLabelSet>(self.sum_s, self.count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
