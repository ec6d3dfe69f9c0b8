//! `/admin/backup`: this node's part of a backup of the cluster, at a time that all parts share.
//!
//! `PUT /admin/backup/{at}` begins it, `{at}` in milliseconds since the Unix epoch and ahead of every node's clock; `GET
//! /admin/backup/{at}/{slot}` gives the slots from one on, once nothing up to that time can come any more; `DELETE` ends it.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use super::{App, error::HttpError};
use crate::{
    clock::Hlc,
    error::Refusal,
    id::Slot,
    node::BackupPart,
    placement::SLOTS,
    store::{ContentType, Key, Value},
};

/// About how much an answer holds.
const PART_BYTES: u64 = 4 << 20;

/// Some of the keys of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BackupPage {
    /// The shard that they belong to.
    pub shard: String,
    /// The slot to go on from; none when this was all.
    pub next: Option<u16>,
    /// The keys that held a value.
    pub entries: Vec<BackupEntry>,
}

/// A key with the value that it held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupEntry {
    /// The key.
    pub key: String,
    /// Its value, as it was put.
    pub value: Box<RawValue>,
}

pub(super) async fn begin(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<serde_json::Value>, HttpError> {
    let at = time(uri.path().rsplit('/').next())?;
    let shard = app.handle.begin_backup(at).await.ok_or(Refusal::Stopping)??;
    let epoch = app.handle.config().epoch();
    Ok(Json(json!({ "result": "begun", "shard": shard.to_string(), "epoch": epoch.to_string() })))
}

pub(super) async fn part(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<BackupPage>, HttpError> {
    let mut segments = uri.path().rsplit('/');
    let from = segments.next().and_then(|slot| slot.parse().ok()).filter(|slot| *slot < SLOTS).ok_or(HttpError::BackupPlace)?;
    let at = time(segments.next())?;
    let part = app.handle.backup_part(at, Slot(from), PART_BYTES).await.ok_or(Refusal::Stopping)??;
    Ok(Json(page(part)))
}

pub(super) async fn end(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<serde_json::Value>, HttpError> {
    app.handle.end_backup(time(uri.path().rsplit('/').next())?).await;
    Ok(Json(json!({ "result": "ended" })))
}

fn time(segment: Option<&str>) -> Result<Hlc, HttpError> {
    segment.and_then(|millis| millis.parse().ok()).map(Hlc::from_millis).ok_or(HttpError::BackupPlace)
}

fn page(part: BackupPart) -> BackupPage {
    let entry = |(key, value): (Key, Value)| Some(BackupEntry { key: key.to_string(), value: shown(&value)? });
    BackupPage {
        shard: part.shard.to_string(),
        next: part.next.map(|slot| slot.0),
        entries: part.entries.into_iter().filter_map(entry).collect(),
    }
}

/// As a get shows it. JSON was checked when it was put.
fn shown(value: &Value) -> Option<Box<RawValue>> {
    let text = match value.content_type {
        ContentType::Json => String::from_utf8(value.bytes.to_vec()).ok()?,
        ContentType::Bytes => format!(r#""{}""#, STANDARD.encode(&value.bytes)),
    };
    RawValue::from_string(text).ok()
}
