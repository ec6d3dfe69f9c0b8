//! `/admin/backup`: this node's part of a backup of the cluster, at a time that all parts share.
//!
//! `PUT /admin/backup/{at}` begins it, `{at}` in milliseconds since the Unix epoch and ahead of every node's clock; `GET
//! /admin/backup/{at}/{slot}` gives the slots from one on, once nothing up to that time can come any more; `DELETE` ends it.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use super::{App, error::HttpError, json::text_of, status::NodeReport};
use crate::{
    clock::Hlc,
    error::Refusal,
    id::Slot,
    node::BackupPart,
    placement::SLOTS,
    store::{Key, Value},
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

/// Where a backup at a time is begun and ended, and from which slot on it is given.
pub fn backup_path(at_ms: u64, slot: Option<u16>) -> String {
    let slot = slot.map(|slot| format!("/{slot}")).unwrap_or_default();
    format!("/admin/backup/{at_ms}{slot}")
}

/// A ready node of each shard that the first of these reports tells of, the first one if there are several.
///
/// # Errors
/// The name of a shard that has none.
pub fn backup_givers(reports: &[NodeReport]) -> Result<Vec<&NodeReport>, String> {
    let shards = reports.first().map(|report| report.shards.as_slice()).unwrap_or_default();
    let giver = |shard: &str| reports.iter().find(|report| report.ready && report.shard.as_deref() == Some(shard));
    shards.iter().map(|shard| giver(&shard.shard).ok_or_else(|| shard.shard.clone())).collect()
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
    page(part).map(Json)
}

pub(super) async fn end(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<serde_json::Value>, HttpError> {
    app.handle.end_backup(time(uri.path().rsplit('/').next())?).await;
    Ok(Json(json!({ "result": "ended" })))
}

fn time(segment: Option<&str>) -> Result<Hlc, HttpError> {
    segment.and_then(|millis| millis.parse().ok()).map(Hlc::from_millis).ok_or(HttpError::BackupPlace)
}

fn page(part: BackupPart) -> Result<BackupPage, HttpError> {
    let entry = |(key, value): (Key, Value)| {
        let value = serde_json::from_slice(&text_of(&value)).map_err(|_| HttpError::ValueBroken)?;
        Ok(BackupEntry { key: key.to_string(), value })
    };
    let entries = part.entries.into_iter().map(entry).collect::<Result<_, HttpError>>()?;
    Ok(BackupPage { shard: part.shard.to_string(), next: part.next.map(|slot| slot.0), entries })
}
