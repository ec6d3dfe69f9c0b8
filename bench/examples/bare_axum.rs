//! What HTTP alone costs: the course dialect's bodies over one map in memory, on axum and hyper as they come. No clock, no token
//! that means anything, no log, no peer, no bounds. `bench/run` measures the server against it.
//!
//! Usage: `bare_axum HOST:PORT`

#![expect(clippy::disallowed_methods, reason = "a server of the real world, without any of what is measured against it")]

mod serve;

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, RwLock},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
use serde_json::{json, value::RawValue};
use serve::{TOKEN, malformed, serve, value_in, written};

type Map = Arc<RwLock<BTreeMap<String, Box<RawValue>>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: bare_axum HOST:PORT")?;
    let router = Router::new().route("/kvs/{key}", routing::get(get).put(put)).with_state(Map::default());
    Ok(serve(&address, router).await?)
}

async fn get(State(map): State<Map>, Path(key): Path<String>) -> Response {
    let map = map.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    match map.get(&key) {
        Some(value) => {
            let value = value.get();
            let body = format!(r#"{{"result":"found","value":{value},"causal-metadata":"{TOKEN}","shard-id":"s0"}}"#);
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        None => {
            let body = json!({ "error": "Key does not exist", "causal-metadata": TOKEN, "shard-id": "s0" });
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
    }
}

async fn put(State(map): State<Map>, Path(key): Path<String>, body: Bytes) -> Response {
    let Some(value) = value_in(&body) else { return malformed() };
    let mut map = map.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    written(map.insert(key, value).is_none())
}
