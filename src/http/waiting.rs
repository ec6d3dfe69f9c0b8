//! What a node says that knows no config yet: it is in no shard, sees nobody but itself, and does nothing.

use std::sync::Arc;

use axum::{Json, Router, middleware, routing};
use serde_json::json;

use super::{Guard, error::HttpError, guard, health, route::Route};
use crate::error::Refusal;

/// The API of a node that waits to be told to which cluster it belongs.
pub fn waiting_router(address: &str) -> Router {
    let view = json!({ "view": [address] });
    Router::new()
        .route(Route::View.path(), routing::get(async move || Json(view.clone())))
        .route(Route::NodeShardId.path(), routing::get(async || Json(json!({ "node-shard-id": null }))))
        .route(Route::Livez.path(), routing::get(health::livez))
        .route(Route::Readyz.path(), routing::get(async || HttpError::NotReady))
        .fallback(async || HttpError::Refused(Refusal::Starting))
        .method_not_allowed_fallback(async || HttpError::Refused(Refusal::Starting))
}

/// The same for those whom a guard lets in.
pub fn guarded_waiting_router(address: &str, guard: Guard) -> Router {
    waiting_router(address).layer(middleware::from_fn_with_state(Arc::new(guard), guard::enforce))
}
