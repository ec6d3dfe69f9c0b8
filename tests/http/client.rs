//! The client against the server.

use std::time::Duration;

use axum::http::Method;
use causeway::http::{AcceptSettings, Client, ClientError, Outgoing};
use serde_json::json;
use tokio::net::TcpListener;

use crate::connections::{Running, patient};

const DEADLINE: Duration = Duration::from_secs(20);

fn put() -> Outgoing {
    Outgoing::new(Method::PUT, "/kvs/a").json(&json!({ "value": [1] })).header("x-request-id", "mine")
}

#[tokio::test]
async fn requests_share_a_connection() {
    let running = Running::start(AcceptSettings { max_connections: 1, ..patient() }).await;
    let mut client = Client::new(running.address.to_string());
    for _ in 0..3 {
        let (status, body) = client.send(put(), DEADLINE).await.unwrap();
        assert_eq!((status, &body["result"]), (201, &json!("created")));
        let (status, body) = client.send(Outgoing::new(Method::GET, "/view/none"), DEADLINE).await.unwrap();
        assert_eq!((status, &body["error"]), (404, &json!("No such path")));
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let running = Running::start(AcceptSettings { idle_timeout_ms: 30, ..patient() }).await;
    let mut client = Client::new(running.address.to_string());
    for n in 1..4 {
        assert_eq!(client.send(put(), DEADLINE).await.unwrap().0, 201);
        running.shows(&format!(r#"causeway_http_connections_failed_total{{cause="idle_timeout"}} {n}"#)).await;
        running.shows("causeway_http_connections 0").await;
    }
    assert_eq!(running.fake.asked().len(), 3);
}

#[tokio::test]
async fn errors_say_whether_the_request_may_take_effect() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut client = Client::new(address.clone());
    let error = client.send(put(), Duration::from_millis(30)).await.unwrap_err();
    assert!(matches!(error, ClientError::Deadline { .. }) && error.may_take_effect(), "{error}");

    drop(silent);
    let error = client.send(put(), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }) && !error.may_take_effect(), "{error}");
    let error = client.send(Outgoing::new(Method::GET, "no path"), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ClientError::Invalid(_)) && !error.may_take_effect(), "{error}");

    let running = Running::start(patient()).await;
    let mut client = Client::new(running.address.to_string());
    let error = client.send(Outgoing::new(Method::GET, "/metrics"), DEADLINE).await.unwrap_err();
    assert!(matches!(error, ClientError::NotJson { status: 200, .. }), "{error}");
}
