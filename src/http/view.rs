//! `/view`: who this node believes is up, and who belongs to the cluster.
//!
//! What is shown is the node's belief. Additions and removals are judged by the config.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request as HttpRequest, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{App, body, error::HttpError, guard::OnlyItself, json::parse_object};
use crate::{
    error::Refusal,
    node::{AdminCommand, Answer, Request},
    placement::{Member, split_address},
};

/// The body of requests that name a node.
#[derive(Default, Deserialize)]
struct NodeBody<'a> {
    #[serde(borrow, default, rename = "socket-address")]
    address: Option<&'a RawValue>,
}

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    let live = app.live_members().await?;
    let addresses = sorted_addresses(&live);
    Ok(Json(json!({ "view": addresses })))
}

pub(super) async fn put(State(app): State<Arc<App>>, mut request: HttpRequest) -> Result<Response, HttpError> {
    let only_itself = request.extensions_mut().remove::<OnlyItself>();
    let address = read_address(&app, request).await?;
    if only_itself.is_some_and(|sender| !sender.is(&address)) {
        return Err(HttpError::NotItself);
    }
    match app.handle.ask(Request::Admin(AdminCommand::AddNode(address))).await? {
        Answer::AlreadySo => Ok(Json(json!({ "result": "already present" })).into_response()),
        _ => Ok((StatusCode::CREATED, Json(json!({ "result": "added" }))).into_response()),
    }
}

pub(super) async fn delete(State(app): State<Arc<App>>, request: HttpRequest) -> Result<Json<Value>, HttpError> {
    let address = read_address(&app, request).await?;
    match app.handle.ask(Request::Admin(AdminCommand::RemoveNode(address))).await {
        Ok(_) => Ok(Json(json!({ "result": "deleted" }))),
        Err(Refusal::NoSuchNode) => Err(HttpError::NoSuchReplica),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The address in the body of a request that names a node.
pub(super) async fn read_address(app: &App, request: HttpRequest) -> Result<String, HttpError> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, app.limits.max_value_bytes).await?;
    let member = parse_object::<NodeBody>(&body)?.address.ok_or(HttpError::AddressMissing)?;
    let address: String = serde_json::from_str(member.get()).map_err(|_| HttpError::AddressMalformed)?;
    split_address(&address).map_err(|_| HttpError::AddressMalformed)?;
    Ok(address)
}

pub(super) fn sorted_addresses<'a>(members: impl IntoIterator<Item = &'a Member>) -> Vec<&'a str> {
    let mut addresses: Vec<_> = members.into_iter().map(|member| member.address.as_str()).collect();
    addresses.sort_unstable();
    addresses
}
