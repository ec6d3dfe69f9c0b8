//! The first line: `cluster nodes=4 shards=2 fsync=never causal_wait_ms=0`. What it does not name is as in production.

use causeway::node::Settings;

use super::words::{Read, Words};
use crate::cluster::{Changing, ClusterPlan};

/// Reads the rest of the line.
pub(super) fn read(words: &mut Words<'_>) -> Read<ClusterPlan> {
    let mut plan = ClusterPlan { nodes: 0, shards: 1, ..ClusterPlan::default() };
    for word in words {
        let (name, text) = word.split_once('=').ok_or_else(|| format!("`{word}` is no setting: write `name=value`"))?;
        if name == "fsync" {
            plan.fsync = text.parse().map_err(|error| format!("{error}"))?;
            continue;
        }
        if name == "config_log" {
            plan.changing = match text {
                "none" => Changing::Never,
                "register" => Changing::Online,
                "replicated" => Changing::Replicated,
                other => return Err(format!("a config log is `none`, a `register` or `replicated`, not `{other}`")),
            };
            continue;
        }
        let value: u64 = text.parse().map_err(|_| format!("{name}: `{text}` is no number"))?;
        set(&mut plan, name, value)?;
    }
    if plan.nodes == 0 {
        return Err("`nodes=` is missing".to_owned());
    }
    plan.config().map_err(|error| error.to_string())?;
    Ok(plan)
}

fn set(plan: &mut ClusterPlan, name: &str, value: u64) -> Read<()> {
    let too_large = |_| format!("{name}: {value} is too large");
    match name {
        "nodes" => plan.nodes = value.try_into().map_err(too_large)?,
        "shards" => plan.shards = value.try_into().map_err(too_large)?,
        "spares" => plan.spares = value.try_into().map_err(too_large)?,
        "hop_limit" => plan.settings.hop_limit = value.try_into().map_err(too_large)?,
        "client_timeout_ms" => plan.client_timeout_us = value * 1_000,
        "segment_bytes" => plan.segment_bytes = value,
        "snapshot_after_bytes" => plan.snapshot_after_bytes = value,
        name => *setting(&mut plan.settings, name).ok_or_else(|| format!("there is no setting `{name}`"))? = value,
    }
    Ok(())
}

fn setting<'a>(settings: &'a mut Settings, name: &str) -> Option<&'a mut u64> {
    Some(match name {
        "causal_wait_ms" => &mut settings.causal_wait_ms,
        "repair_holdoff_ms" => &mut settings.repair_holdoff_ms,
        "forward_timeout_ms" => &mut settings.forward_timeout_ms,
        "write_concern_wait_ms" => &mut settings.write_concern_wait_ms,
        "idle_interval_ms" => &mut settings.idle_interval_ms,
        "busy_interval_ms" => &mut settings.busy_interval_ms,
        "suspect_after_ms" => &mut settings.suspect_after_ms,
        "down_after_ms" => &mut settings.down_after_ms,
        "evict_after_ms" => &mut settings.evict_after_ms,
        "drift_ms" => &mut settings.drift_ms,
        "max_memory_bytes" => &mut settings.max_memory_bytes,
        "tail_bytes" => &mut settings.tail_bytes,
        "operation_ttl_ms" => &mut settings.operation_ttl_ms,
        "digest_interval_ms" => &mut settings.digest_interval_ms,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use causeway::store::FsyncPolicy;

    use super::*;

    fn plan(text: &str) -> Read<ClusterPlan> {
        read(&mut Words::of(text))
    }

    #[test]
    fn what_is_named_is_set_and_the_rest_is_as_in_production() {
        let read = plan("nodes=4 shards=2 fsync=interval:50 causal_wait_ms=0 client_timeout_ms=700").expect("a plan");
        assert_eq!((read.nodes, read.shards, read.client_timeout_us), (4, 2, 700_000));
        assert_eq!(read.fsync, FsyncPolicy::Interval { ms: 50 });
        assert_eq!(read.settings, Settings { causal_wait_ms: 0, ..Settings::default() });
    }

    #[test]
    fn what_makes_no_cluster_is_refused() {
        for (text, reason) in [
            ("shards=1", "`nodes=` is missing"),
            ("nodes=3 shards=2", "2 shards need at least 4 nodes"),
            ("nodes=many", "nodes: `many` is no number"),
            ("nodes=70000", "nodes: 70000 is too large"),
            ("nodes=3 speed=9", "there is no setting `speed`"),
            ("nodes=3 fast", "`fast` is no setting"),
            ("nodes=3 fsync=often", "an fsync policy is"),
        ] {
            assert!(plan(text).is_err_and(|why| why.starts_with(reason)), "{text}: {:?}", plan(text).err());
        }
    }
}
