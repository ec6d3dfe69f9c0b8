//! Who may do what: each route with each token at each listener.

use std::sync::Arc;

use axum::{body::Body, http};
use causeway::{
    http::{Api, ClientTokens, Door, Guard, Role},
    node::{Answer, Outcome},
};
use serde_json::json;

use crate::fake::{Fake, Got, key_answer};

/// A guard that knows a token of each role.
pub fn guard(door: Door) -> Guard {
    let mut tokens = ClientTokens::default();
    for role in Role::ALL {
        tokens.add(role, ClientTokens::hash(format!("{role}-token").as_bytes()));
    }
    Guard { tokens: Arc::new(tokens), door }
}

async fn ask(fake: &Fake, method: &str, path: &str, authorization: &[&str]) -> Got {
    let mut request = http::Request::builder().method(method).uri(path);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let body = json!({ "value": 1, "socket-address": "10.0.0.1:8090", "shard-count": 2 }).to_string();
    fake.call(request.body(Body::from(body)).expect("a legal request")).await
}

const LOOKS: [&str; 10] = [
    "/kvs/a",
    "/view",
    "/shard/ids",
    "/shard/node-shard-id",
    "/shard/members/s0",
    "/shard/key-count/s0",
    "/admin/reshard",
    "/admin/status",
    "/admin/config-log",
    "/metrics",
];
const CHANGES: [(&str, &str); 7] = [
    ("PUT", "/view"),
    ("DELETE", "/view"),
    ("PUT", "/shard/add-member/s0"),
    ("PUT", "/shard/reshard"),
    ("DELETE", "/admin/reshard"),
    ("PUT", "/admin/force-recover"),
    ("GET", "/admin/set-aside"),
];

/// With the least role that each needs, if any.
fn requests() -> Vec<(&'static str, &'static str, Option<Role>)> {
    let looks = LOOKS.map(|path| ("GET", path, Some(Role::Read)));
    let writes = ["PUT", "DELETE"].map(|method| (method, "/kvs/a", Some(Role::Write)));
    let changes = CHANGES.map(|(method, path)| (method, path, Some(Role::Admin)));
    let health = ["/livez", "/readyz"].map(|path| ("GET", path, None));
    let odd = [
        ("GET", "/nowhere", Some(Role::Read)),
        ("GET", "/kvs/", Some(Role::Read)),
        ("POST", "/shard/ids", Some(Role::Admin)),
        ("POST", "/kvs/a", Some(Role::Write)),
    ];
    [&looks[..], &writes, &changes, &health, &odd].concat()
}

#[tokio::test]
async fn each_role_may_do_its_own_and_what_those_before_it_may() {
    for door in [Door::Clients, Door::Admin] {
        let fake = Fake::answering(Ok(Answer::Changed)).guarded_by(guard(door));
        for (method, path, needed) in requests() {
            for role in Role::ALL {
                let got = ask(&fake, method, path, &[&format!("Bearer {role}-token")]).await;
                let asked = fake.asked();
                let what = format!("{role}: {method} {path} at {door:?}: {got:?}");
                let wrong_door = needed == Some(Role::Admin) && door == Door::Clients;
                if needed.is_none_or(|needed| role >= needed) && !wrong_door {
                    assert!(![401, 403].contains(&got.status), "{what}");
                    continue;
                }
                assert_eq!((got.status, asked), (403, vec![]), "{what}");
                let needed = needed.expect("what needs nothing is not refused");
                let error = if role < needed {
                    format!("Role {needed} is needed")
                } else {
                    "Only the admin listener takes this".to_owned()
                };
                assert_eq!(got.error(), error, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_that_is_known_there_is_health_alone() {
    let fake = Fake::answering(key_answer(Outcome::Created)).guarded_by(guard(Door::Admin));
    for (method, path, needed) in requests() {
        for (authorization, challenge, error) in [
            (&[][..], "Bearer realm=\"causeway\"", "A token is needed: Authorization: Bearer <token>"),
            (&["Basic YWRtaW46YWRtaW4="], "Bearer realm=\"causeway\"", "A token is needed: Authorization: Bearer <token>"),
            (
                &["Bearer admin-token", "Bearer admin-token"],
                "Bearer realm=\"causeway\"",
                "A token is needed: Authorization: Bearer <token>",
            ),
            (&["Bearer admin-toke"], "Bearer realm=\"causeway\", error=\"invalid_token\"", "Token is not known"),
            (&["Bearer "], "Bearer realm=\"causeway\", error=\"invalid_token\"", "Token is not known"),
        ] {
            let got = ask(&fake, method, path, authorization).await;
            if needed.is_none() {
                assert_eq!(got.status, 200, "{path}");
                continue;
            }
            assert_eq!((got.status, got.error().as_str()), (401, error), "{method} {path}");
            assert_eq!(got.headers["www-authenticate"], challenge, "{method} {path}");
        }
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn a_scheme_has_no_case_and_who_is_refused_is_counted() {
    let fake = Fake::answering(key_answer(Outcome::Created)).guarded_by(guard(Door::Clients));
    assert_eq!(ask(&fake, "PUT", "/kvs/a", &["bEARER  write-token "]).await.status, 201);
    assert_eq!(ask(&fake, "PUT", "/kvs/a", &["Bearer read-token"]).await.status, 403);
    assert_eq!(ask(&fake, "PUT", "/kvs/a", &["Bearer other-token"]).await.status, 401);
    assert_eq!(ask(&fake, "PUT", "/kvs/a", &[]).await.status, 401);
    let page = ask(&fake, "GET", "/metrics", &["Bearer read-token"]).await.text;
    for line in [
        r#"causeway_http_refusals_total{cause="forbidden"} 1"#,
        r#"causeway_http_refusals_total{cause="token_unknown"} 1"#,
        r#"causeway_http_refusals_total{cause="token_missing"} 1"#,
        r#"causeway_http_requests_total{route="/kvs/{*key}",method="PUT",status="401"} 2"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(!page.contains("-token"), "{page}");
}

#[tokio::test]
async fn a_node_that_waits_for_its_cluster_asks_too() {
    let api = Api::guarded_waiting("10.0.0.7:8090", guard(Door::Clients));
    for (path, token, status) in [
        ("/view", "read-token", 200),
        ("/view", "other-token", 401),
        ("/kvs/a", "other-token", 401),
        ("/kvs/a", "read-token", 503),
        ("/livez", "other-token", 200),
    ] {
        let request = http::Request::builder().uri(path).header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).expect("a legal request");
        let response = api.answer(request).await;
        assert_eq!(response.status().as_u16(), status, "{path} with {token}");
    }
}
