//! The table 'Shards' of the contract.

use causeway::{
    error::Refusal,
    id::ShardId,
    node::{AdminCommand, Answer, Request},
};
use serde_json::{Value, json};

use crate::fake::Fake;

const NO_MAJORITY: &str = "No majority of the config log answers";
const NOT_ENOUGH: &str = "Not enough nodes to provide fault tolerance with requested shard count";

#[tokio::test]
async fn shards_and_the_shard_of_the_node() {
    let fake = Fake::unasked();
    let got = fake.raw("GET", "/shard/ids", "").await;
    assert_eq!((got.status, got.json()), (200, json!({ "shard-ids": ["s0", "s1"] })));
    let got = fake.raw("GET", "/shard/node-shard-id", "").await;
    assert_eq!((got.status, got.json()), (200, json!({ "node-shard-id": "s0" })));
    let got = fake.with_status(|status| status.shard = None).raw("GET", "/shard/node-shard-id", "").await;
    assert_eq!((got.status, got.json()), (200, json!({ "node-shard-id": null })));
}

#[tokio::test]
async fn members_are_the_live_ones_sorted() {
    let fake = Fake::unasked().with_status(|status| {
        status.peers.reverse();
        status.peers[1].up = false;
    });
    let got = fake.raw("GET", "/shard/members/s0", "").await;
    assert_eq!((got.status, got.json()), (200, json!({ "shard-members": ["10.0.0.1:8090", "10.0.0.3:8090"] })));
    let got = fake.raw("GET", "/shard/members/s1", "").await;
    let expected = ["10.0.0.2:8090", "10.0.0.4:8090", "10.0.0.6:8090"];
    assert_eq!((got.status, got.json()), (200, json!({ "shard-members": expected })));
}

#[tokio::test]
async fn keys_are_counted_by_the_node() {
    let fake = Fake::answering(Ok(Answer::Count(41)));
    let got = fake.raw("GET", "/shard/key-count/s1", "").await;
    assert_eq!((got.status, got.json()), (200, json!({ "shard-key-count": 41 })));
    assert_eq!(fake.asked(), [Request::CountKeys(ShardId(1))]);
    let got = Fake::refusing(Refusal::CannotForward).raw("GET", "/shard/key-count/s1", "").await;
    assert_eq!((got.status, got.error().as_str()), (503, "Cannot forward request"));
}

#[tokio::test]
async fn a_shard_has_one_spelling() {
    let fake = Fake::unasked();
    for id in ["s2", "s", "0", "S0", "s00", "s+0", "s-1", "s99999999999", "%73%30", "s0%20", "x"] {
        for (method, path) in [("GET", "members"), ("GET", "key-count"), ("PUT", "add-member")] {
            let body = json!({ "socket-address": "10.0.0.1:8090" });
            let got = fake.send(method, &format!("/shard/{path}/{id}"), body).await;
            assert_eq!((got.status, got.error().as_str()), (404, "No such shard"), "{path} {id}");
        }
    }
    for path in ["/shard/members/", "/shard/members", "/shard/key-count/s0/s0"] {
        assert_eq!(fake.raw("GET", path, "").await.status, 404);
    }
    assert_eq!(fake.asked(), []);
}

#[tokio::test]
async fn add_member_is_passed_to_the_node() {
    let command = AdminCommand::AddMember { address: "10.0.0.9:8090".into(), shard: ShardId(0) };
    for (reply, status, member, text) in [
        (Ok(Answer::Changed), 200, "result", "node added to shard"),
        (Err(Refusal::NoSuchNode), 404, "error", "No such node in the view"),
        (Err(Refusal::NoSuchShard), 404, "error", "No such shard"),
        (Err(Refusal::NoMajority), 503, "error", NO_MAJORITY),
    ] {
        let fake = Fake::answering(reply);
        let got = fake.send("PUT", "/shard/add-member/s0", json!({ "socket-address": "10.0.0.9:8090" })).await;
        assert_eq!((got.status, got.json()), (status, json!({ member: text })));
        assert_eq!(fake.asked(), [Request::Admin(command.clone())]);
    }
}

#[tokio::test]
async fn reshard_is_passed_to_the_node() {
    for (reply, status, member, text) in [
        (Ok(Answer::Changed), 200, "result", "resharded"),
        (Err(Refusal::NotEnoughNodes), 400, "error", NOT_ENOUGH),
        (Err(Refusal::NoMajority), 503, "error", NO_MAJORITY),
        (Err(Refusal::OutcomeUnknown), 504, "error", "Outcome unknown"),
    ] {
        let fake = Fake::answering(reply);
        let got = fake.send("PUT", "/shard/reshard", json!({ "shard-count": 3 })).await;
        assert_eq!((got.status, got.json()), (status, json!({ member: text })));
        assert_eq!(fake.asked(), [Request::Admin(AdminCommand::Reshard(3))]);
    }
}

#[tokio::test]
async fn a_shard_count_is_needed_and_checked() {
    let fake = Fake::unasked();
    for count in [json!(70_000), json!(u64::MAX)] {
        let got = fake.send("PUT", "/shard/reshard", json!({ "shard-count": count })).await;
        assert_eq!((got.status, got.error().as_str()), (400, NOT_ENOUGH), "{count}");
    }
    let malformed = ["null", "0", "-0", "-1", "1.0", "1.5", "1e2", "\"2\"", "true", "[]", "{}", "18446744073709551616"];
    for count in malformed {
        let got = fake.raw("PUT", "/shard/reshard", format!(r#"{{"shard-count":{count}}}"#)).await;
        assert_eq!((got.status, got.error().as_str()), (400, "shard-count must be a whole number, at least 1"), "{count}");
    }
    for body in [Value::Null, json!({}), json!({ "shard_count": 2 })] {
        assert_eq!(fake.send("PUT", "/shard/reshard", body).await.status, 400);
    }
    assert_eq!(fake.asked(), []);
}
