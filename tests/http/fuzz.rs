//! Arbitrary requests: always JSON, never a 500, never a panic, and nothing reaches the node that is not legal.

use axum::{body::Body, http};
use causeway::{node::Outcome, store::Value};
use proptest::{collection::vec, prelude::*};

use crate::fake::{Fake, Got, key_answer};

/// Pieces that lie close to what is legal.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/kvs/".to_owned()),
        Just("/view".to_owned()),
        Just("/shard/".to_owned()),
        Just("members/s0".to_owned()),
        Just("add-member/s1".to_owned()),
        Just("reshard".to_owned()),
        Just("key-count/".to_owned()),
        Just("%2e%2e%2f".to_owned()),
        "[a-z0-9]{1,60}",
        "%[0-9a-f]{2}",
        "[!-~]{0,8}",
    ];
    vec(piece, 1..4).prop_map(|pieces| format!("/{}", pieces.concat()).replacen("//", "/", 1))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let member = prop_oneof![Just("value"), Just("causal-metadata"), Just("socket-address"), Just("shard-count"), Just("x")];
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("\"10.0.0.1:8090\"".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        "[\\[\\]{}\":,0-9a]{0,20}",
    ];
    let object = vec((member, value), 0..4).prop_map(|members| {
        let members: Vec<_> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    prop_oneof![object, vec(any::<u8>(), 0..200), Just(Vec::new())]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name =
        prop_oneof![Just("idempotency-key"), Just("write-concern"), Just("x-request-id"), Just("content-type"), Just("expect"),];
    let value = prop_oneof!["[0-9]{1,3}".prop_map(String::into_bytes), vec(0x20u8..=0x7e, 0..300), vec(0x80u8..=0xff, 1..4)];
    vec((name, value), 0..4)
}

fn request() -> impl Strategy<Value = Option<http::Request<Body>>> {
    let method = prop_oneof![3 => Just("PUT"), 2 => Just("GET"), 2 => Just("DELETE"), 1 => Just("POST"), 1 => Just("OPTIONS")];
    (method, path(), headers(), body()).prop_map(|(method, path, headers, body)| {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // What is no HTTP does not come as far as the API.
        request.body(Body::from(body)).ok()
    })
}

fn check(got: &Got, asked: usize) -> Result<(), TestCaseError> {
    prop_assert!(got.status != 500 && (200..600).contains(&got.status), "{:?}", got);
    prop_assert_eq!(got.headers.get("content-type").map(|value| value.as_bytes()), Some(b"application/json".as_slice()));
    let body: serde_json::Value =
        serde_json::from_str(&got.text).map_err(|error| TestCaseError::fail(format!("{error}: {got:?}")))?;
    prop_assert!(body.is_object(), "{:?}", got);
    if got.status >= 400 {
        prop_assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()), "{:?}", got);
        prop_assert_eq!(asked, 0, "{:?}", got);
    }
    Ok(())
}

#[test]
fn arbitrary_requests_get_json_and_illegal_ones_do_not_reach_the_node() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _inside = runtime.enter();
    let fake = Fake::answering(key_answer(Outcome::Found(Value::json("{\"a\":[1]}"))));
    proptest!(ProptestConfig::with_cases(4_096), |(request in request())| {
        let Some(request) = request else { return Ok(()) };
        let got = runtime.block_on(fake.call(request));
        check(&got, fake.asked().len())?;
    });
}
