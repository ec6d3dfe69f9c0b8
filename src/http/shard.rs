//! `/shard`: which shards there are, who holds them, how many keys they hold, and requests for other placements.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request as HttpRequest, State},
    http::Uri,
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    App, body,
    error::HttpError,
    json::parse_object,
    view::{read_address, sorted_addresses},
};
use crate::{
    error::Refusal,
    id::ShardId,
    node::{Answer, Request},
};

/// The fewest live replicas of a shard.
const REPLICAS_A_SHARD: u64 = 2;

#[derive(Default, Deserialize)]
struct ReshardBody<'a> {
    #[serde(borrow, default, rename = "shard-count")]
    shard_count: Option<&'a RawValue>,
}

pub(super) async fn ids(State(app): State<Arc<App>>) -> Json<Value> {
    let ids: Vec<_> = app.handle.config().shards().map(|shard| shard.to_string()).collect();
    Json(json!({ "shard-ids": ids }))
}

pub(super) async fn of_node(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    let shard = app.status().await?.shard.map(|shard| shard.to_string());
    Ok(Json(json!({ "node-shard-id": shard })))
}

pub(super) async fn members(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, HttpError> {
    let shard = shard_in_path(&app, &uri)?;
    let live = app.live_members().await?;
    let addresses = sorted_addresses(live.into_iter().filter(|member| member.shard == shard));
    Ok(Json(json!({ "shard-members": addresses })))
}

pub(super) async fn key_count(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, HttpError> {
    let shard = shard_in_path(&app, &uri)?;
    match app.handle.ask(Request::CountKeys(shard)).await? {
        Answer::Count(count) => Ok(Json(json!({ "shard-key-count": count }))),
        // Answers come from peers too.
        Answer::Key(_) => Err(Refusal::OutcomeUnknown.into()),
    }
}

pub(super) async fn add_member(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Json<Value>, HttpError> {
    let shard = shard_in_path(&app, request.uri());
    let address = read_address(&app, request).await?;
    let shard = shard?;
    let member = app.handle.config().by_address(&address).ok_or(HttpError::NoSuchNode)?;
    if member.shard == shard {
        return Ok(Json(json!({ "result": "node added to shard" })));
    }
    if app.live_members().await?.iter().all(|live| live.node != member.node) {
        return Err(HttpError::NoSuchNode);
    }
    Err(HttpError::MembershipIsFixed)
}

pub(super) async fn reshard(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Json<Value>, HttpError> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, app.limits.max_value_bytes).await?;
    let count = parse_count(parse_object::<ReshardBody>(&body)?.shard_count)?;
    let live = app.live_members().await?.len() as u64;
    if live < count.saturating_mul(REPLICAS_A_SHARD) {
        return Err(HttpError::NotEnoughNodes);
    }
    Err(HttpError::MembershipIsFixed)
}

fn parse_count(member: Option<&RawValue>) -> Result<u64, HttpError> {
    let count = member.and_then(|member| serde_json::from_str(member.get()).ok()).ok_or(HttpError::ShardCount)?;
    if count == 0 { Err(HttpError::ShardCount) } else { Ok(count) }
}

/// The shard that the last segment of the path names. A shard's name has one spelling, so nothing is decoded.
fn shard_in_path(app: &App, uri: &Uri) -> Result<ShardId, HttpError> {
    let segment = uri.path().rsplit('/').next().unwrap_or_default();
    let shard: ShardId = segment.parse()?;
    if app.handle.config().has_shard(shard) { Ok(shard) } else { Err(HttpError::NoSuchShard) }
}
