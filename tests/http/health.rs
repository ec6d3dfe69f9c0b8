//! What an operator asks: alive, ready, metrics.

use causeway::{
    error::Refusal,
    node::{Outcome, WhyNoWrites},
};
use serde_json::json;

use crate::fake::{Fake, key_answer};

#[tokio::test]
async fn ready_is_who_has_caught_up_whatever_the_peers() {
    let fake = Fake::unasked().with_status(|status| {
        for peer in &mut status.peers[1..] {
            peer.up = false;
        }
    });
    assert_eq!(fake.raw("GET", "/readyz", "").await.status, 200);
    let fake = fake.with_status(|status| status.serves = false);
    let got = fake.raw("GET", "/readyz", "").await;
    assert_eq!((got.status, got.error().as_str()), (503, "Node has not caught up"));
    assert_eq!(fake.raw("GET", "/livez", "").await.status, 200);
    let fake = fake.with_status(|status| status.shard = None);
    assert_eq!(fake.raw("GET", "/readyz", "").await.status, 200, "who is in no shard passes requests on");
}

#[tokio::test]
async fn who_is_about_to_stop_is_not_ready_and_answers() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    fake.handle.drain();
    let got = fake.raw("GET", "/readyz", "").await;
    assert_eq!((got.status, got.error().as_str()), (503, "Node is stopping"));
    assert_eq!(fake.raw("GET", "/livez", "").await.status, 200, "nobody is to restart it");
    assert_eq!(fake.send("PUT", "/kvs/a", json!({ "value": 1 })).await.status, 201);
}

#[tokio::test]
async fn metrics_show_requests_refusals_and_the_node() {
    let fake = Fake::answering(key_answer(Outcome::Created)).with_status(|status| {
        status.no_writes = Some(WhyNoWrites::NeedsNewActor);
        status.peers[1].up = false;
    });
    fake.send("PUT", "/kvs/secret-key", json!({ "value": "secret-value" })).await;
    fake.raw("BREW", "/secret-path", "").await;
    fake.raw("HEAD", "/kvs/", "").await;
    let got = fake.raw("GET", "/metrics", "").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    for line in [
        r#"causeway_http_requests_total{route="/kvs/{*key}",method="PUT",status="201"} 1"#,
        r#"causeway_http_requests_total{route="unknown",method="other",status="404"} 1"#,
        r#"causeway_http_requests_total{route="/kvs/",method="HEAD",status="400"} 1"#,
        r#"causeway_http_request_duration_seconds_count{route="/kvs/{*key}",method="PUT"} 1"#,
        r#"causeway_http_request_duration_seconds_sum{route="/kvs/{*key}",method="PUT"} 0.001"#,
        "causeway_token_characters_count 1",
        "causeway_keys 12.0",
        "causeway_tombstones 3.0",
        "causeway_memory_bytes 4096.0",
        "causeway_tail_bytes 512.0",
        "causeway_waiting_requests 1.0",
        "causeway_peers_behind 1.0",
        "causeway_takes_writes 0.0",
        r#"causeway_takes_no_writes{reason="needs_new_actor"} 1"#,
        r#"causeway_takes_no_writes{reason="clock_ahead"} 0"#,
        r#"causeway_takes_no_writes{reason="no_seat"} 0"#,
        "causeway_stable_time_lag_seconds 2.5",
        r#"causeway_stable_time_culprit_info{address="10.0.0.3:8090"} 1"#,
        r#"causeway_peer_lag_seconds{address="10.0.0.3:8090"} 1.5"#,
        r#"causeway_peer_up{address="10.0.0.2:8090"} 0.0"#,
        r#"causeway_peer_clock_ahead_seconds{address="10.0.0.2:8090"} -0.02"#,
        "causeway_gets_total 42",
        "causeway_tokens_ahead_total 4",
        "causeway_waits_total 0",
        "causeway_forwards_total 0",
        "causeway_fsyncs_total 7",
        "# EOF",
    ] {
        assert!(got.text.lines().any(|found| found == line), "{line} is not in\n{}", got.text);
    }
    assert!(!got.text.contains("secret"));
    assert_eq!(got.text.matches("# EOF").count(), 1);
}

#[tokio::test]
async fn refusals_are_counted_by_cause() {
    let fake = Fake::refusing(Refusal::NotSatisfied);
    fake.raw("GET", "/kvs/a", "").await;
    fake.raw("GET", "/kvs/a", "").await;
    let page = fake.raw("GET", "/metrics", "").await.text;
    assert!(page.contains(r#"causeway_http_refusals_total{cause="not_satisfied"} 2"#), "{page}");
    let fake = Fake::refusing(Refusal::NoMajority);
    fake.send("PUT", "/shard/reshard", json!({ "shard-count": 1 })).await;
    let page = fake.raw("GET", "/metrics", "").await.text;
    assert!(page.contains(r#"causeway_http_refusals_total{cause="no_majority"} 1"#), "{page}");
}
