//! `/admin/reshard`: how far the reshard under way is, and its end before its slots are handed over.
//!
//! Any node answers. Where slots go it knows from its config; what each replica has taken of them, from gossip; what the slots hold is
//! asked of a replica of each shard that gives any. So one answer costs as many questions as there are such shards, all at once.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{App, error::HttpError};
use crate::{
    id::ShardId,
    node::{AdminCommand, Answer, Request, Status},
    placement::{Actor, Config, Migration, Move, Progress, Taken},
    store::Size,
};

/// A reshard as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReshardReport {
    /// How far it is: `none`, `moving nodes`, `copying`, `switched` or `finishing`.
    pub stage: String,
    /// The epoch of the config that says so.
    pub epoch: String,
    /// How many shards own slots now.
    pub shards: u16,
    /// How many are to, in the end; none while no reshard is under way.
    pub goal: Option<u16>,
    /// The slots on the move; empty before and after.
    pub moves: Vec<MoveReport>,
}

/// Slots that go from one shard to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MoveReport {
    /// Who owned them before.
    pub from: String,
    /// Who gets them.
    pub to: String,
    /// How many.
    pub slots: u16,
    /// First and last of each run of them.
    pub ranges: Vec<(u16, u16)>,
    /// Live keys in them, as a replica of the giving shard counts; none if none answered.
    pub keys: Option<u64>,
    /// Estimated bytes of them in memory.
    pub bytes: Option<u64>,
    /// The replicas that take them.
    pub takers: Vec<TakerReport>,
}

/// How far one replica is with one move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TakerReport {
    /// Its address.
    pub node: String,
    /// Whether the asked node believes it up.
    pub up: bool,
    /// Whether it holds all that its shard gets, and follows.
    pub copied: bool,
    /// Slots that have come.
    pub slots: u16,
    /// Live keys in them.
    pub keys: u64,
    /// Their estimated bytes.
    pub bytes: u64,
    /// Bytes a second that come.
    pub bytes_per_s: u64,
    /// Seconds until the rest has come; none while that cannot be told. A replica takes one move after the other.
    pub eta_s: Option<u64>,
}

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<ReshardReport>, HttpError> {
    let (status, config) = (app.status().await?, app.handle.config());
    let sizes = match config.migration() {
        Some(migration) => sizes(&app, migration).await,
        None => BTreeMap::new(),
    };
    Ok(Json(report(&config, &status, &sizes)))
}

pub(super) async fn abort(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    app.handle.ask(Request::Admin(AdminCommand::AbortReshard)).await?;
    Ok(Json(json!({ "result": "aborted" })))
}

/// What each move holds, by giver and taker. A shard that does not answer is left out.
async fn sizes(app: &App, migration: &Migration) -> BTreeMap<(ShardId, ShardId), Size> {
    let mut givers: Vec<ShardId> = migration.moves.iter().map(|one| one.from).collect();
    givers.sort_unstable();
    givers.dedup();
    let asked = givers.into_iter().map(async |from| (from, app.handle.ask(Request::SizesMoving(from)).await));
    let mut sizes = BTreeMap::new();
    for (from, reply) in join_all(asked).await {
        if let Ok(Answer::Sizes(given)) = reply {
            sizes.extend(given.into_iter().map(|(to, size)| ((from, to), size)));
        }
    }
    sizes
}

fn report(config: &Config, status: &Status, sizes: &BTreeMap<(ShardId, ShardId), Size>) -> ReshardReport {
    let migration = config.migration();
    let moves = migration.into_iter().flat_map(|migration| migration.moves.iter().map(move |one| (migration, one)));
    let moves = moves.map(|(migration, one)| {
        let size = sizes.get(&(one.from, one.to));
        MoveReport {
            from: one.from.to_string(),
            to: one.to.to_string(),
            slots: one.slots.len() as u16,
            ranges: one.slots.ranges().map(|range| (range.start, range.end - 1)).collect(),
            keys: size.map(|size| size.keys),
            bytes: size.map(|size| size.bytes),
            takers: config
                .replicas(one.to)
                .map(|taker| taker_report(&Seen { config, status, sizes, migration }, one, taker))
                .collect(),
        }
    });
    ReshardReport {
        stage: config.stage().to_string(),
        epoch: config.epoch().to_string(),
        shards: config.owning_shards(),
        goal: config.goal(),
        moves: moves.collect(),
    }
}

/// What is known while a migration is under way.
struct Seen<'a> {
    config: &'a Config,
    status: &'a Status,
    sizes: &'a BTreeMap<(ShardId, ShardId), Size>,
    migration: &'a Migration,
}

fn taker_report(seen: &Seen<'_>, one: &Move, taker: &Actor) -> TakerReport {
    let Seen { config, status, migration, .. } = seen;
    let progress = status.progress.get(&taker.actor).filter(|progress| progress.epoch >= migration.begun);
    let place = migration.into_shard(one.to).position(|other| other.from == one.from).unwrap_or_default();
    let taken = progress.and_then(|progress| progress.taking.moves.get(place)).copied().unwrap_or_default();
    let copied = migration.switched.is_some() || progress.is_some_and(|progress| progress.copied == Some(migration.begun));
    TakerReport {
        node: config.member(taker.node).map(|member| member.address.clone()).unwrap_or_default(),
        up: status.peers.iter().any(|peer| peer.node == taker.node && peer.up),
        copied,
        slots: taken.slots,
        keys: taken.keys,
        bytes: taken.bytes,
        bytes_per_s: progress.map_or(0, |progress| progress.taking.bytes_per_s),
        eta_s: if copied { Some(0) } else { progress.and_then(|progress| eta_s(seen, one, progress)) },
    }
}

/// The time for what lacks of this move and of those before it, at the taker's present rate.
fn eta_s(seen: &Seen<'_>, one: &Move, progress: &Progress) -> Option<u64> {
    let mut bytes = 0;
    for (place, other) in seen.migration.into_shard(one.to).enumerate() {
        let taken = progress.taking.moves.get(place).copied().unwrap_or_default();
        bytes += lacking(other, taken, seen.sizes.get(&(other.from, other.to)))?;
        if other.from == one.from {
            break;
        }
    }
    match (bytes, progress.taking.bytes_per_s) {
        (0, _) => Some(0),
        (_, 0) => None,
        (bytes, rate) => Some(bytes.div_ceil(rate)),
    }
}

/// Writes go on while slots are copied, so who has all slots lacks nothing, whatever they hold by now.
fn lacking(one: &Move, taken: Taken, size: Option<&Size>) -> Option<u64> {
    if usize::from(taken.slots) >= one.slots.len() { Some(0) } else { size.map(|size| size.bytes.saturating_sub(taken.bytes)) }
}
