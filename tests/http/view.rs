//! The table 'View' of the contract.

use causeway::id::NodeId;
use serde_json::json;

use crate::fake::{Fake, addresses};

const UNAVAILABLE: &str = "Membership changes are not available in this version";

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
async fn additions_and_removals_are_judged_by_the_config() {
    let fake = Fake::unasked().with_status(|status| status.peers[1].up = false);
    for address in ["10.0.0.1:8090", "10.0.0.2:8090"] {
        let member = json!({ "socket-address": address });
        let got = fake.send("PUT", "/view", member.clone()).await;
        assert_eq!((got.status, got.json()), (200, json!({ "result": "already present" })));
        let got = fake.send("DELETE", "/view", member).await;
        assert_eq!((got.status, got.error().as_str()), (503, UNAVAILABLE));
    }
    for stranger in ["10.0.0.9:8090", "10.0.0.1:8091", "node-7.cluster:8090"] {
        let got = fake.send("PUT", "/view", json!({ "socket-address": stranger })).await;
        assert_eq!((got.status, got.error().as_str()), (503, UNAVAILABLE));
        let got = fake.send("DELETE", "/view", json!({ "socket-address": stranger })).await;
        assert_eq!((got.status, got.error().as_str()), (404, "View has no such replica"));
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
