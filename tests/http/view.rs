//! The table 'View' of the contract.

use causeway::{
    error::Refusal,
    id::NodeId,
    node::{AdminCommand, Answer, Request},
};
use serde_json::json;

use crate::fake::{Fake, addresses};

const NO_MAJORITY: &str = "No majority of the config log answers";

#[tokio::test]
async fn the_view_shows_who_is_up_sorted() {
    let got = Fake::unasked().raw("GET", "/view", "").await;
    assert_eq!((got.status, got.json()), (200, json!({ "view": addresses() })));

    let fake = Fake::unasked().with_status(|status| {
        status.peers.reverse();
        status.peers.retain(|peer| peer.node != NodeId(5));
        status.peers[1].up = false;
        // Avoided, but not believed dead.
        status.peers[2].suspected = true;
    });
    let expected = ["10.0.0.1:8090", "10.0.0.2:8090", "10.0.0.3:8090", "10.0.0.5:8090"];
    assert_eq!(fake.raw("GET", "/view", "").await.json(), json!({ "view": expected }));
}

#[tokio::test]
async fn additions_and_removals_are_passed_to_the_node() {
    let member = || json!({ "socket-address": "10.0.0.9:8090" });
    let added = Request::Admin(AdminCommand::AddNode("10.0.0.9:8090".into()));
    let removed = Request::Admin(AdminCommand::RemoveNode("10.0.0.9:8090".into()));
    let last = "The node holds the last replica of its shard";
    for (method, reply, status, member_name, text) in [
        ("PUT", Ok(Answer::Changed), 201, "result", "added"),
        ("PUT", Ok(Answer::AlreadySo), 200, "result", "already present"),
        ("PUT", Err(Refusal::NoMajority), 503, "error", NO_MAJORITY),
        ("DELETE", Ok(Answer::Changed), 200, "result", "deleted"),
        ("DELETE", Err(Refusal::NoSuchNode), 404, "error", "View has no such replica"),
        ("DELETE", Err(Refusal::LastReplica), 503, "error", last),
        ("DELETE", Err(Refusal::NoMajority), 503, "error", NO_MAJORITY),
    ] {
        let fake = Fake::answering(reply);
        let got = fake.send(method, "/view", member()).await;
        assert_eq!((got.status, got.json()), (status, json!({ member_name: text })), "{method}");
        assert_eq!(fake.asked(), [if method == "PUT" { added.clone() } else { removed.clone() }]);
    }
}

#[tokio::test]
async fn a_socket_address_is_needed_and_checked() {
    let fake = Fake::unasked();
    for path in ["/view", "/shard/add-member/s0"] {
        let methods = if path == "/view" { vec!["PUT", "DELETE"] } else { vec!["PUT"] };
        for method in methods {
            for body in [json!(null), json!({}), json!({ "socket_address": "10.0.0.1:8090" })] {
                let got = fake.send(method, path, body).await;
                assert_eq!((got.status, got.error().as_str()), (400, "socket-address is missing"));
            }
            for address in [json!(null), json!(1), json!([]), json!(""), json!("10.0.0.1"), json!("10.0.0.1:0"), json!("x y:1")] {
                let got = fake.send(method, path, json!({ "socket-address": address })).await;
                assert_eq!(got.status, 400, "{method} {path} {got:?}");
                assert!(got.error().starts_with("socket-address"), "{got:?}");
            }
        }
    }
}
