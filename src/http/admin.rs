//! `/admin`: the config log, and what was set aside, for operators. `force-recover` is for a node that sees no majority and whose operator knows that none
//! will come back.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{App, error::HttpError, json::text_of};
use crate::{
    error::Refusal,
    runtime::{
        ConfigLog,
        control::{ControlStatus, MemberId},
    },
    store::Write,
};

pub(super) async fn config_log(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    let status = log(&app)?.status();
    let config = app.handle.config();
    let address = |member: &MemberId| config.member(member.node).map(|member| member.address.clone());
    let addresses = |members: &mut dyn Iterator<Item = &MemberId>| members.filter_map(address).collect::<Vec<_>>();
    Ok(Json(json!({
        "epoch": config.epoch().to_string(),
        "phase": status.phase.to_string(),
        "member": status.member.map(|member| member.to_string()),
        "role": role(&status),
        "group": status.group.map(|group| group.to_string()),
        "leader": status.leader.as_ref().and_then(address),
        "voters": addresses(&mut status.voters.iter()),
        "learners": addresses(&mut status.learners.iter()),
    })))
}

pub(super) async fn force_recover(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    let log = log(&app)?;
    let voters = log.status().voters;
    let live = app.status().await?.peers.into_iter().filter(|peer| peer.up).map(|peer| peer.node);
    let live = live.filter(|node| voters.iter().any(|voter| voter.node == *node)).count();
    if 2 * live > voters.len() {
        return Err(HttpError::MajorityIsUp);
    }
    let epoch = log.recover().await?;
    Ok(Json(json!({ "result": "recovered", "epoch": epoch.to_string() })))
}

/// What only this node had when an actor of it was cut off: it was acknowledged here, and counts nowhere.
pub(super) async fn set_aside(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    let sets = app.handle.set_aside().await.ok_or(HttpError::Refused(Refusal::Stopping))?;
    let shown = sets.iter().map(|set| {
        json!({
            "actor": set.actor.to_string(),
            "settled": set.cut.is_some(),
            "records": set.writes.len(),
            "left-out": set.left_out,
            "writes": set.writes.iter().map(|write| shown(write)).collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({ "set-aside": shown.collect::<Vec<_>>() })))
}

/// A write as a client would ask for it again: JSON values as they came, others in base64.
fn shown(write: &Write) -> Value {
    let value: Option<Value> = write.value.as_ref().map(|value| serde_json::from_slice(&text_of(value)).unwrap_or_default());
    let operation = if value.is_some() { "put" } else { "delete" };
    json!({ "operation": operation, "key": &*write.key, "value": value, "written-ms": write.dot.hlc.millis() })
}

/// What this node's disk is in the log: a new one is nothing yet, also where the one before it voted.
fn role(status: &ControlStatus) -> Option<&'static str> {
    let me = status.member?;
    match (status.voters.contains(&me), status.learners.contains(&me)) {
        (true, _) => Some("voter"),
        (false, true) => Some("learner"),
        (false, false) => None,
    }
}

fn log(app: &App) -> Result<&ConfigLog, HttpError> {
    app.config_log.as_ref().ok_or(HttpError::NoConfigLog)
}
