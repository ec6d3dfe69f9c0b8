//! The headers of writes and of every request.

use axum::{body::Body, http};
use causeway::{
    node::{Answer, Command, Outcome, Request},
    store::OperationId,
};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use crate::fake::{Fake, Got, key_answer};

#[tokio::test]
async fn a_gap_in_the_session_s_past_is_said() {
    let mut reply = key_answer(Outcome::Absent);
    assert_eq!(Fake::answering(reply.clone()).send("GET", "/kvs/a", json!({})).await.headers.get("causal-gap"), None);
    if let Ok(Answer::Key(answer)) = &mut reply {
        answer.has_gap = true;
    }
    let got = Fake::answering(reply).send("GET", "/kvs/a", json!({})).await;
    assert_eq!((got.status, got.headers["causal-gap"].to_str().unwrap()), (404, "evicted"));
}

#[tokio::test]
async fn what_was_set_aside_is_listed() {
    let got = Fake::unasked().send("GET", "/admin/set-aside", json!(null)).await;
    let expected = json!({ "set-aside": [{
        "actor": "a3", "settled": true, "records": 2, "left-out": 4, "writes": [
            { "operation": "put", "key": "k", "value": [1], "written-ms": 7 },
            { "operation": "delete", "key": "k", "value": null, "written-ms": 8 },
        ],
    }] });
    assert_eq!((got.status, got.json()), (200, expected));
}

async fn with_headers(fake: &Fake, method: &str, headers: &[(&str, &[u8])]) -> Got {
    let mut request = http::Request::builder().method(method).uri("/kvs/a");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    fake.call(request.body(Body::from(r#"{"value":1}"#)).unwrap()).await
}

fn asked(fake: &Fake) -> (Option<OperationId>, u8) {
    match fake.asked().as_slice() {
        [Request::Key(request)] => match request.command {
            Command::Write { operation, write_concern, .. } => (operation, write_concern),
            Command::Get => panic!("asked to read"),
        },
        other => panic!("asked for {} things", other.len()),
    }
}

#[tokio::test]
async fn an_idempotency_key_names_the_operation() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    let longest = [b'k'; 255];
    for method in ["PUT", "DELETE"] {
        for key in [b"8e03978e-40d5-43dd-bc93-6894a57f9324".as_slice(), b"\"quoted\"", b"\xfe", &longest] {
            with_headers(&fake, method, &[("Idempotency-Key", key)]).await;
            assert_eq!(asked(&fake), (Some(OperationId(xxh3_128(key))), 1));
        }
        let too_long = [b'k'; 256];
        let twice = [("Idempotency-Key", b"a".as_slice()), ("idempotency-key", b"a")];
        for headers in [&[("Idempotency-Key", b"".as_slice())], &[("Idempotency-Key", too_long.as_slice())], &twice[..]] {
            let got = with_headers(&fake, method, headers).await;
            assert_eq!((got.status, got.error().as_str()), (400, "Idempotency-Key must be given once and have 1 to 255 bytes"));
        }
        assert_eq!(fake.asked(), []);
    }
}

#[tokio::test]
async fn a_write_concern_is_bounded_by_the_shard() {
    // Three of the six nodes hold each shard.
    let fake = Fake::answering(key_answer(Outcome::Created));
    for method in ["PUT", "DELETE"] {
        for (text, concern) in [("1", 1), ("3", 3), ("03", 3)] {
            with_headers(&fake, method, &[("Write-Concern", text.as_bytes())]).await;
            assert_eq!(asked(&fake), (None, concern));
        }
        for text in ["4", "255", "256", "99999999999999999999999"] {
            let got = with_headers(&fake, method, &[("Write-Concern", text.as_bytes())]).await;
            assert_eq!((got.status, got.error().as_str()), (400, "Write-Concern is above the number of the shard's members"));
        }
        for text in [b"0".as_slice(), b"000", b"", b"-1", b"+1", b"1.0", b"majority", b"1,2", b"\xfe"] {
            let got = with_headers(&fake, method, &[("Write-Concern", text)]).await;
            assert_eq!(
                (got.status, got.error().as_str()),
                (400, "Write-Concern must be given once and be a whole number, at least 1")
            );
        }
        assert_eq!(with_headers(&fake, method, &[("Write-Concern", b"1"), ("Write-Concern", b"1")]).await.status, 400);
        assert_eq!(fake.asked(), []);
    }
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    let longest = [b'n'; 64];
    for name in [b"a".as_slice(), b"0f-9_.Z", &longest] {
        assert_eq!(with_headers(&fake, "PUT", &[("x-request-id", name)]).await.headers["x-request-id"], name);
    }
    let too_long = [b'n'; 65];
    let mut made = Vec::new();
    for name in [b"".as_slice(), b"a b", b"a\xfe", b"a=1", &too_long] {
        let got = with_headers(&fake, "PUT", &[("x-request-id", name)]).await;
        made.push(got.headers["x-request-id"].clone());
    }
    assert!(made.iter().all(|name| !name.is_empty()));
    made.dedup();
    assert_eq!(made.len(), 5);
    assert!(fake.raw("GET", "/nowhere", "").await.headers.contains_key("x-request-id"));
}
