//! `/livez` and `/readyz`, for whoever restarts processes and whoever sends them load.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{App, error::HttpError};
use crate::error::Refusal;

/// The process answers: that is all. It must not hang on a busy node, or a slow disk would get the node restarted.
pub(super) async fn livez() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// Whether the node has caught up. A node that is cut off stays ready: it serves what it holds. So is one that is in no shard: it
/// holds nothing, and passes on what it is asked. One that stops soon is not, although it serves: load is to go elsewhere first.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    if app.handle.is_draining() {
        return Err(HttpError::Refused(Refusal::Stopping));
    }
    let status = app.status().await?;
    if status.serves || status.shard.is_none() { Ok(Json(json!({ "status": "ready" }))) } else { Err(HttpError::NotReady) }
}
