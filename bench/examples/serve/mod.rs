//! What both servers answer with, and the loop that takes their connections: hyper and axum as they come.

use axum::{
    Json, Router,
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{io, net::TcpListener};

/// As long as a token in a cluster of three nodes under load.
pub const TOKEN: &str = "AQAAAaWO0Pnu_MqYAQMAkLoFAYSfCAHR1wYzQ0Nn7N3kQg";

#[derive(Deserialize)]
struct PutBody {
    value: Box<RawValue>,
    #[serde(rename = "causal-metadata")]
    _token: Option<String>,
}

/// The value in the body of a put, if it has one.
pub fn value_in(body: &Bytes) -> Option<Box<RawValue>> {
    serde_json::from_slice(body).map(|PutBody { value, .. }| value).ok()
}

/// The answer to a put without a value.
pub fn malformed() -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": "Malformed JSON" }))).into_response()
}

/// The answer to a put.
pub fn written(is_new: bool) -> Response {
    let (status, result) = if is_new { (StatusCode::CREATED, "created") } else { (StatusCode::OK, "replaced") };
    (status, Json(json!({ "result": result, "causal-metadata": TOKEN, "shard-id": "s0" }))).into_response()
}

/// Serves until a connection cannot be taken.
///
/// # Errors
/// The address is taken, or the system gives no more connections.
pub async fn serve(address: &str, router: Router) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await });
    }
}
