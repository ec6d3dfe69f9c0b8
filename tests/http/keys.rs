//! The table 'Keys' of the contract.

use axum::{body::Body, http};
use causeway::{
    clock::Token,
    error::Refusal,
    node::{Answer, Command, KeyRequest, Outcome, Request},
    store::{ContentType, Value},
};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::fake::{Fake, key_answer, token};

fn key_request(request: Request) -> KeyRequest {
    match request {
        Request::Key(request) => request,
        Request::CountKeys(_) | Request::SizesMoving(_) | Request::Admin(_) => panic!("asked for {request:?}"),
    }
}

#[tokio::test]
async fn every_outcome_has_its_status_and_carries_token_and_shard() {
    let found = Outcome::Found(Value::json("[1,null]"));
    for (method, outcome, status, member, value) in [
        ("PUT", Outcome::Created, 201, "result", json!("created")),
        ("PUT", Outcome::Replaced, 200, "result", json!("replaced")),
        ("GET", found.clone(), 200, "result", json!("found")),
        ("GET", found, 200, "value", json!([1, null])),
        ("GET", Outcome::Absent, 404, "error", json!("Key does not exist")),
        ("DELETE", Outcome::Deleted, 200, "result", json!("deleted")),
        ("DELETE", Outcome::Absent, 404, "error", json!("Key does not exist")),
    ] {
        let members = if matches!(outcome, Outcome::Found(_)) { 4 } else { 3 };
        let fake = Fake::answering(key_answer(outcome));
        let got = fake.send(method, "/kvs/a", json!({ "value": 1 })).await;
        let body = got.json();
        assert_eq!((got.status, &body[member]), (status, &value), "{got:?}");
        assert_eq!(body["causal-metadata"], fake.tokens.seal(&token(77)));
        assert_eq!(body["shard-id"], "s1");
        assert_eq!(body.as_object().unwrap().len(), members);
    }
}

#[tokio::test]
async fn values_come_through_as_the_text_that_was_sent() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    for text in [
        "null",
        "false",
        "0",
        "-1.50e+3",
        "1e400",
        "123456789012345678901234567890",
        r#""""#,
        r#""\u00e9\ud83d\ude00""#,
        "[]",
        "{}",
        r#"{"b":1,"a":[{"c":null}]}"#,
        "[ 1 ,\n2 ]",
        r#""ß\n\"""#,
    ] {
        let got = fake.raw("PUT", "/kvs/a", format!(r#" {{ "value" : {text} , "other":1}}"#)).await;
        assert_eq!(got.status, 201, "{got:?}");
        let [request] = fake.asked().try_into().expect("one request");
        let Command::Write { value: Some(value), .. } = key_request(request).command else { panic!("no put") };
        assert_eq!((value.content_type, &*value.bytes), (ContentType::Json, text.as_bytes()));

        let got = Fake::answering(key_answer(Outcome::Found(value))).raw("GET", "/kvs/a", "").await;
        assert!(got.text.starts_with(&format!(r#"{{"result":"found","value":{text},"#)), "{got:?}");
        // Not read as a `Value`, which has no room for 1e400.
        assert!(serde_json::from_str::<IgnoredAny>(&got.text).is_ok(), "{got:?}");
    }
}

#[tokio::test]
async fn bytes_come_back_as_base64() {
    let value = Value { content_type: ContentType::Bytes, bytes: vec![0xff, 0, 1].into() };
    let got = Fake::answering(key_answer(Outcome::Found(value))).raw("GET", "/kvs/a", "").await;
    assert_eq!(got.json()["value"], "/wAB");
}

#[tokio::test]
async fn each_method_asks_for_its_command() {
    let fake = Fake::answering(key_answer(Outcome::Absent));
    let write = |value| Command::Write { value, operation: None, write_concern: 1 };
    for (method, command) in [("GET", Command::Get), ("PUT", write(Some(Value::json("7")))), ("DELETE", write(None))] {
        fake.send(method, "/kvs/k", json!({ "value": 7 })).await;
        let expected = KeyRequest { key: "k".into(), token: Token::default(), command };
        assert_eq!(fake.asked(), [Request::Key(expected)]);
    }
}

#[tokio::test]
async fn metadata_is_opened_and_its_absence_is_an_empty_token() {
    let fake = Fake::answering(key_answer(Outcome::Absent));
    for method in ["GET", "PUT", "DELETE"] {
        let sealed = fake.tokens.seal(&token(9));
        fake.send(method, "/kvs/a", json!({ "value": 1, "causal-metadata": sealed })).await;
        let [request] = fake.asked().try_into().expect("one request");
        assert_eq!(key_request(request).token, token(9));
        for none in ["null", r#""""#, "{}", "{ \n}"] {
            let got = fake.raw(method, "/kvs/a", format!(r#"{{"value":1,"causal-metadata":{none}}}"#)).await;
            assert_eq!(got.status, 404, "{got:?}");
            let [request] = fake.asked().try_into().expect("one request");
            assert!(key_request(request).token.is_empty());
        }
    }
    for method in ["GET", "DELETE"] {
        for body in ["", " \r\n", "null", r#""""#, "{}"] {
            assert_eq!(fake.raw(method, "/kvs/a", body).await.status, 404, "{body}");
            assert_eq!(fake.asked().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_put_needs_a_value() {
    let fake = Fake::unasked();
    for body in ["", "null", "{}", r#"{"causal-metadata":null}"#, r#"{"Value":1}"#, r#"{"causal-metadata":"bad"}"#] {
        let got = fake.raw("PUT", "/kvs/a", body).await;
        assert_eq!((got.status, got.error().as_str()), (400, "PUT request does not specify a value"), "{body}");
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn keys_have_at_most_fifty_characters() {
    let fake = Fake::answering(key_answer(Outcome::Absent));
    for method in ["GET", "PUT", "DELETE"] {
        for character in ["a", "%C3%9F", "%F0%9F%98%80"] {
            let path = |chars| format!("/kvs/{}", character.repeat(chars));
            assert_eq!(fake.send(method, &path(50), json!({ "value": 1 })).await.status, 404);
            assert_eq!(fake.asked().len(), 1);
            let got = fake.send(method, &path(51), json!({ "value": 1 })).await;
            assert_eq!((got.status, got.error().as_str()), (400, "Key is too long"));
            assert_eq!(fake.asked(), []);
        }
    }
}

#[tokio::test]
async fn keys_are_one_segment_decoded_once() {
    let fake = Fake::answering(key_answer(Outcome::Absent));
    for (path, key) in [
        ("/kvs/%2e%2e%2f", "../"),
        ("/kvs/..", ".."),
        ("/kvs/%252e", "%2e"),
        ("/kvs/a%2Fb", "a/b"),
        ("/kvs/a+b", "a+b"),
        ("/kvs/a?b=c", "a"),
        ("/kvs/%3F", "?"),
        ("/kvs/%20", " "),
        ("http://elsewhere/kvs/a", "a"),
    ] {
        let got = fake.raw("GET", path, "").await;
        assert_eq!(got.status, 404, "{path} {got:?}");
        let [request] = fake.asked().try_into().expect("one request");
        assert_eq!(&*key_request(request).key, key);
    }
    for path in ["/kvs/", "/kvs/%00", "/kvs/a%00", "/kvs/%ff", "/kvs/%C3", "/kvs/a/b", "/kvs/a/", "/kvs//", "/kvs/%", "/kvs/%zz"]
    {
        for method in ["GET", "PUT", "DELETE"] {
            let got = fake.send(method, path, json!({ "value": 1 })).await;
            assert_eq!(got.status, 400, "{path} {got:?}");
            got.error();
        }
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn every_refusal_has_its_status_and_text() {
    for (refusal, status, text) in [
        (Refusal::NotSatisfied, 503, "Causal dependencies not satisfied; try again later"),
        (Refusal::CannotForward, 503, "Cannot forward request"),
        (Refusal::OutcomeUnknown, 504, "Outcome unknown"),
        (Refusal::DiskFull, 507, "Disk full"),
        (Refusal::MemoryFull, 507, "Memory full"),
        (Refusal::OperationReused, 422, "Idempotency-Key was used for another request"),
        (Refusal::Starting, 503, "Node is starting"),
        (Refusal::NoWriter, 503, "No member of the shard takes writes"),
        (Refusal::Overloaded, 503, "Too many requests at once"),
        (Refusal::WriteConcernTooLarge, 400, "Write-Concern is above the number of the shard's members"),
        (Refusal::NoSuchShard, 404, "No such shard"),
        (Refusal::NoSuchNode, 404, "No such node in the view"),
        (Refusal::NotEnoughNodes, 400, "Not enough nodes to provide fault tolerance with requested shard count"),
        (Refusal::LastReplica, 503, "The node holds the last replica of its shard"),
        (Refusal::NoMajority, 503, "No majority of the config log answers"),
        (Refusal::Stopping, 503, "Node is stopping"),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let got = Fake::refusing(refusal).send(method, "/kvs/a", json!({ "value": 1 })).await;
            assert_eq!((got.status, got.error().as_str()), (status, text), "{method}");
            let passes_soon = matches!(refusal, Refusal::Starting | Refusal::NoWriter | Refusal::Overloaded | Refusal::Stopping);
            assert_eq!(got.headers.contains_key("retry-after"), passes_soon, "{refusal}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_another_kind_leaves_the_outcome_unknown() {
    let got = Fake::answering(Ok(Answer::Count(3))).send("PUT", "/kvs/a", json!({ "value": 1 })).await;
    assert_eq!((got.status, got.error().as_str()), (504, "Outcome unknown"));
    let got = Fake::answering(key_answer(Outcome::Created)).raw("GET", "/shard/key-count/s0", "").await;
    assert_eq!(got.status, 504);
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let request = http::Request::put("/kvs/a").header("content-type", content_type);
        let got = fake.call(request.body(Body::from(r#"{"value":1}"#)).unwrap()).await;
        assert_eq!(got.status, 201);
    }
}

#[tokio::test]
async fn a_head_is_a_get_that_only_says_how_long_its_answer_is() {
    for (outcome, path) in
        [(Outcome::Found(Value::json("1")), "/kvs/a"), (Outcome::Absent, "/kvs/a"), (Outcome::Absent, "/kvs/%")]
    {
        let fake = Fake::answering(key_answer(outcome));
        let whole = fake.raw("GET", path, "").await;
        let only_head = fake.raw("HEAD", path, "").await;
        assert_eq!((only_head.status, only_head.text.as_str()), (whole.status, ""), "{path}");
        assert_eq!(only_head.headers["content-length"], whole.text.len().to_string(), "{path}");
    }
}
