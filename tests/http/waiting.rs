//! A node that knows no cluster yet, and one that has no config log.

use axum::{body::Body, http};
use causeway::http::Api;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::fake::Fake;

async fn ask(method: &str, path: &str) -> (u16, Value) {
    let request = http::Request::builder().method(method).uri(path).body(Body::empty()).expect("a legal request");
    let response = Api::waiting("10.0.0.7:8090").answer(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn who_waits_for_a_cluster_is_in_no_shard_and_does_nothing() {
    assert_eq!(ask("GET", "/shard/node-shard-id").await, (200, json!({ "node-shard-id": null })));
    assert_eq!(ask("GET", "/view").await, (200, json!({ "view": ["10.0.0.7:8090"] })));
    assert_eq!(ask("GET", "/livez").await, (200, json!({ "status": "alive" })));
    assert_eq!(ask("GET", "/readyz").await, (503, json!({ "error": "Node has not caught up" })));
    for (method, path) in [("PUT", "/kvs/key"), ("GET", "/kvs/key"), ("PUT", "/view"), ("PUT", "/shard/reshard"), ("GET", "/x")] {
        assert_eq!(ask(method, path).await, (503, json!({ "error": "Node is starting" })), "{method} {path}");
    }
}

#[tokio::test]
async fn without_a_config_log_there_is_nothing_to_recover() {
    let fake = Fake::unasked();
    for (method, path) in [("GET", "/admin/config-log"), ("PUT", "/admin/force-recover")] {
        let got = fake.raw(method, path, "").await;
        assert_eq!((got.status, got.error().as_str()), (404, "Node has no config log"), "{method} {path}");
    }
    assert_eq!(fake.raw("GET", "/admin/force-recover", "").await.status, 405);
}
