//! What HTTP alone costs: the course dialect's bodies over one map in memory, on axum and hyper as they come. No clock, no token
//! that means anything, no log, no peer, no bounds. `bench/run` measures the server against it.
//!
//! Usage: `bare_axum HOST:PORT`

#![expect(clippy::disallowed_methods, reason = "a server of the real world, without any of what is measured against it")]

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
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::net::TcpListener;

/// As long as a token in a cluster of three nodes under load.
const TOKEN: &str = "AQAAAaWO0Pnu_MqYAQMAkLoFAYSfCAHR1wYzQ0Nn7N3kQg";

type Map = Arc<RwLock<BTreeMap<String, Box<RawValue>>>>;

#[derive(Deserialize)]
struct PutBody {
    value: Box<RawValue>,
    #[serde(rename = "causal-metadata")]
    _token: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: bare_axum HOST:PORT")?;
    let router = Router::new().route("/kvs/{key}", routing::get(get).put(put)).with_state(Map::default());
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await });
    }
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
    let Ok(body) = serde_json::from_slice::<PutBody>(&body) else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "Malformed JSON" }))).into_response();
    };
    let mut map = map.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (status, result) = match map.insert(key, body.value) {
        None => (StatusCode::CREATED, "created"),
        Some(_) => (StatusCode::OK, "replaced"),
    };
    (status, Json(json!({ "result": result, "causal-metadata": TOKEN, "shard-id": "s0" }))).into_response()
}
