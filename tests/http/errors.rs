//! 'Errors everywhere else' of the contract.

use causeway::{clock::TokenKey, clock::TokenKeys, error::Refusal, http::MAX_DEPTH, node::Outcome};
use serde_json::json;

use crate::fake::{Fake, MAX_VALUE_BYTES, key_answer, token};

/// Every path with a body, by method.
const WITH_BODY: [(&str, &str); 7] = [
    ("GET", "/kvs/a"),
    ("PUT", "/kvs/a"),
    ("DELETE", "/kvs/a"),
    ("PUT", "/view"),
    ("DELETE", "/view"),
    ("PUT", "/shard/add-member/s0"),
    ("PUT", "/shard/reshard"),
];

#[tokio::test]
async fn unknown_paths_are_404() {
    for path in ["/", "/kvs", "/kv/a", "/view/", "/VIEW", "/shard", "/shard/", "/v1/kv/a", "//kvs/a", "/favicon.ico"] {
        for method in ["GET", "PUT", "DELETE", "POST", "BREW"] {
            let got = Fake::unasked().raw(method, path, "").await;
            assert_eq!((got.status, got.error().as_str()), (404, "No such path"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn wrong_methods_are_405_and_name_the_right_ones() {
    for (path, allowed) in [
        ("/kvs/a", "GET,HEAD,PUT,DELETE"),
        ("/kvs/", "GET,HEAD,PUT,DELETE"),
        ("/view", "GET,HEAD,PUT,DELETE"),
        ("/shard/ids", "GET,HEAD"),
        ("/shard/members/s0", "GET,HEAD"),
        ("/shard/add-member/s0", "PUT"),
        ("/shard/reshard", "PUT"),
        ("/metrics", "GET,HEAD"),
    ] {
        let got = Fake::unasked().raw("POST", path, "{}").await;
        assert_eq!((got.status, got.error().as_str()), (405, "Method not allowed"), "{path}");
        assert_eq!(got.headers["allow"], allowed, "{path}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_400() {
    let fake = Fake::unasked();
    let bodies: [&[u8]; 15] = [
        b"{",
        b"}",
        b"{]",
        b"value=1",
        b"{\"value\":}",
        b"{\"value\":1,}",
        b"{\"value\":01}",
        b"{\"value\":1}{",
        b"{'value':1}",
        b"{\"value\":nul}",
        b"\xff",
        b"{\"value\":\"\xff\"}",
        b"{\"a\":\"\xff\",\"value\":1}",
        b"{\"value\":\"a\nb\"}",
        b"\xef\xbb\xbf{}",
    ];
    for (method, path) in WITH_BODY {
        for body in bodies {
            let got = fake.raw(method, path, body.to_vec()).await;
            assert_eq!(got.status, 400, "{method} {path} {}", String::from_utf8_lossy(body));
            assert!(got.error().starts_with("Malformed JSON: "), "{got:?}");
        }
        for body in ["[]", "1", "true", "\"a\"", "[\"value\",null]"] {
            let got = fake.raw(method, path, body).await;
            assert_eq!((got.status, got.error().as_str()), (400, "Body must be a JSON object"), "{method} {path}");
        }
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn a_member_that_is_given_twice_is_refused() {
    let fake = Fake::unasked();
    for body in
        [r#"{"value":1,"value":1}"#, r#"{"value":1,"\u0076alue":2}"#, r#"{"value":1,"causal-metadata":"","causal-metadata":""}"#]
    {
        let got = fake.raw("PUT", "/kvs/a", body).await;
        assert_eq!(got.status, 400, "{body}");
        assert!(got.error().contains("duplicate field"), "{got:?}");
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn deep_json_is_400_wherever_it_is() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let fake = Fake::unasked();
    for levels in [MAX_DEPTH, 30_000] {
        for body in [
            format!(r#"{{"value":{}}}"#, deep(levels)),
            format!(r#"{{"value":1,"other":{}}}"#, deep(levels)),
            format!(r#"{{"value":1,"causal-metadata":{}}}"#, deep(levels)),
            deep(levels + 1),
        ] {
            let got = fake.raw("PUT", "/kvs/a", body).await;
            assert_eq!((got.status, got.error().as_str()), (400, "JSON is nested more than 128 levels deep"));
        }
    }
    assert_eq!(fake.asked(), []);
    let fake = Fake::answering(key_answer(Outcome::Created));
    let got = fake.raw("PUT", "/kvs/a", format!(r#"{{"value":{}}}"#, deep(MAX_DEPTH - 1))).await;
    assert_eq!(got.status, 201);
}

#[tokio::test]
async fn a_value_above_the_setting_is_413() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    let value = |bytes: usize| json!({ "value": "v".repeat(bytes - 2) });
    assert_eq!(fake.send("PUT", "/kvs/a", value(MAX_VALUE_BYTES)).await.status, 201);
    assert_eq!(fake.asked().len(), 1);
    let got = fake.send("PUT", "/kvs/a", value(MAX_VALUE_BYTES + 1)).await;
    assert_eq!((got.status, got.error().as_str()), (413, "Value is larger than 1000 bytes"));
    for (method, path) in WITH_BODY {
        for bytes in [100_000, 10_000_000] {
            let got = fake.raw(method, path, vec![b' '; bytes]).await;
            assert_eq!(got.status, 413, "{method} {path}");
            assert!(got.error().starts_with("Body is larger than"), "{got:?}");
        }
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn damaged_and_forged_metadata_is_400() {
    let fake = Fake::unasked();
    let sealed = fake.tokens.seal(&token(9));
    let forged = TokenKeys::new(TokenKey { id: 0, secret: [1; 16] }, Vec::new()).seal(&token(9));
    for method in ["GET", "PUT", "DELETE"] {
        for (metadata, text) in [
            (json!("x"), "malformed causal metadata"),
            (json!("not base64!"), "malformed causal metadata"),
            (json!(" "), "malformed causal metadata"),
            (json!("A".repeat(100_000 / 2)), "malformed causal metadata"),
            (json!(format!("{sealed}AAAA")), "causal metadata was not issued by this cluster"),
            (json!(forged), "causal metadata was not issued by this cluster"),
            (json!(format!("_{}", &sealed[1..])), "unknown version of causal metadata"),
            (json!(1), "causal-metadata must be a string"),
            (json!(false), "causal-metadata must be a string"),
            (json!([]), "causal-metadata must be a string"),
            (json!({ "a": 1 }), "causal-metadata must be a string"),
        ] {
            let got = fake.send(method, "/kvs/a", json!({ "value": 1, "causal-metadata": metadata })).await;
            assert_eq!((got.status, got.error().as_str()), (400, text), "{method} {metadata}");
        }
        let lone_surrogate = r#"{"value":1,"causal-metadata":"\ud800"}"#;
        assert_eq!(fake.raw(method, "/kvs/a", lone_surrogate).await.status, 400);
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn illegal_requests_are_400_on_a_node_that_refuses_everything() {
    for refusal in [Refusal::NotSatisfied, Refusal::Overloaded, Refusal::Stopping] {
        let fake = Fake::refusing(refusal);
        assert_eq!(fake.raw("PUT", "/kvs/a", "{}").await.status, 400);
        assert_eq!(fake.raw("GET", "/kvs/%00", "").await.status, 400);
        assert_eq!(fake.raw("GET", "/kvs/a", r#"{"causal-metadata":"x"}"#).await.status, 400);
        assert_eq!(fake.asked(), []);
    }
}
