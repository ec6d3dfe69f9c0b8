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
    node::{AdminCommand, Answer, Request},
};

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
    let config = app.handle.config();
    let addresses =
        sorted_addresses(live.iter().filter(|member| config.seat(member.node).is_some_and(|seat| seat.shard == shard)));
    Ok(Json(json!({ "shard-members": addresses })))
}

pub(super) async fn key_count(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, HttpError> {
    let shard = shard_in_path(&app, &uri)?;
    match app.handle.ask(Request::CountKeys(shard)).await? {
        Answer::Count(count) => Ok(Json(json!({ "shard-key-count": count }))),
        // Answers come from peers too.
        Answer::Key(_) | Answer::Sizes(_) | Answer::Changed | Answer::AlreadySo => Err(Refusal::OutcomeUnknown.into()),
    }
}

pub(super) async fn add_member(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Json<Value>, HttpError> {
    let shard = shard_in_path(&app, request.uri());
    let address = read_address(&app, request).await?;
    let shard = shard?;
    app.handle.ask(Request::Admin(AdminCommand::AddMember { address, shard })).await?;
    Ok(Json(json!({ "result": "node added to shard" })))
}

pub(super) async fn reshard(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Json<Value>, HttpError> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, app.limits.max_value_bytes).await?;
    let count = parse_count(parse_object::<ReshardBody>(&body)?.shard_count)?;
    // More than there can ever be nodes for.
    let count = u16::try_from(count).map_err(|_| HttpError::NotEnoughNodes)?;
    app.handle.ask(Request::Admin(AdminCommand::Reshard(count))).await?;
    Ok(Json(json!({ "result": "resharded" })))
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
