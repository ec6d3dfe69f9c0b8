//! `/view`: who this node believes is up, and who belongs to the cluster.
//!
//! What is shown is the node's belief. Additions and removals are judged by the config, which is fixed in this version.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{App, body, error::HttpError, json::parse_object};
use crate::placement::{Member, split_address};

/// The body of requests that name a node.
#[derive(Default, Deserialize)]
struct NodeBody<'a> {
    #[serde(borrow, default, rename = "socket-address")]
    address: Option<&'a RawValue>,
}

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    let addresses = sorted_addresses(app.live_members().await?);
    Ok(Json(json!({ "view": addresses })))
}

pub(super) async fn put(State(app): State<Arc<App>>, request: Request) -> Result<Json<Value>, HttpError> {
    let address = read_address(&app, request).await?;
    match app.handle.config().by_address(&address) {
        Some(_) => Ok(Json(json!({ "result": "already present" }))),
        None => Err(HttpError::MembershipIsFixed),
    }
}

pub(super) async fn delete(State(app): State<Arc<App>>, request: Request) -> Result<Json<Value>, HttpError> {
    let address = read_address(&app, request).await?;
    match app.handle.config().by_address(&address) {
        Some(_) => Err(HttpError::MembershipIsFixed),
        None => Err(HttpError::NoSuchReplica),
    }
}

/// The address in the body of a request that names a node.
pub(super) async fn read_address(app: &App, request: Request) -> Result<String, HttpError> {
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
