//! What a node says that knows no config yet: it is in no shard, sees nobody but itself, and does nothing.

use axum::{Json, Router, routing};
use serde_json::json;

use super::{error::HttpError, health, route::Route};
use crate::error::Refusal;

/// The paths of such a node.
pub(super) fn routes(address: &str) -> Router {
    let view = json!({ "view": [address] });
    Router::new()
        .route(Route::View.path(), routing::get(async move || Json(view.clone())))
        .route(Route::NodeShardId.path(), routing::get(async || Json(json!({ "node-shard-id": null }))))
        .route(Route::Livez.path(), routing::get(health::livez))
        .route(Route::Readyz.path(), routing::get(async || HttpError::NotReady))
        .fallback(async || HttpError::Refused(Refusal::Starting))
        .method_not_allowed_fallback(async || HttpError::Refused(Refusal::Starting))
}
