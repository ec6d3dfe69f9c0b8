//! What an operator reads and asks under `/admin`.

use std::{collections::BTreeSet, sync::Arc};

use causeway::{
    clock::Hlc,
    error::Refusal,
    http::{HttpMetrics, NodeReport, backup_givers},
    id::{Epoch, NodeId, ShardId, Slot},
    node::{AdminCommand, Answer, BackupPart, NoBackup, Reply, Request, TransferStatus, WhyNoWrites},
    placement::{Change, Config, Progress, Taken, Taking, next},
    store::{Size, Value as StoredValue},
};
use serde_json::{Value, json};

use crate::fake::{Fake, addresses, first_config};

/// The first config on its way to three shards, as slots begin to move.
fn copying() -> Config {
    let live: BTreeSet<NodeId> = first_config().members().iter().map(|member| member.node).collect();
    let mut config = first_config().changed(&Change::Reshard { shards: 3, gone: Vec::new() }).expect("it fits");
    while config.migration().is_none() {
        let epoch = config.epoch();
        let done = Progress { epoch, serves: true, sealed: epoch, ..Progress::default() };
        let progress = config.actors().map(|actor| (actor.actor, done.clone())).collect();
        let due = next(&config, &live, &progress).expect("something is due");
        config = config.changed(&due).expect("it fits");
    }
    config
}

fn knowing(config: &Config, reply: Reply) -> Fake {
    Fake::working_by(config.clone(), reply, Arc::new(HttpMetrics::default()))
}

fn taken(slots: u16, keys: u64, bytes: u64) -> Taken {
    Taken { slots, keys, bytes }
}

async fn reshard(fake: &Fake) -> Value {
    let got = fake.raw("GET", "/admin/reshard", "").await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()
}

#[tokio::test]
async fn where_no_reshard_is_under_way_that_is_said() {
    let fake = Fake::unasked();
    assert_eq!(reshard(&fake).await, json!({ "stage": "none", "epoch": "0.1", "shards": 2, "goal": null, "moves": [] }));
    assert_eq!(fake.asked(), [], "nobody has anything to add");
}

#[tokio::test]
async fn each_move_shows_what_its_slots_hold_and_how_far_each_taker_is() {
    let config = copying();
    let begun = config.migration().expect("slots move").begun;
    let size = |keys, bytes| Size { keys, tombstones: 0, bytes };
    let fake = knowing(&config, Ok(Answer::Sizes(vec![(ShardId(2), size(40, 4_000))])));
    let takers: Vec<_> = config.replicas(ShardId(2)).copied().collect();
    let fake = fake.with_status(|status| {
        let taking = Taking { told: 1, bytes_per_s: 1_000, moves: vec![taken(1_000, 10, 1_500), Taken::default()] };
        status.progress.insert(takers[0].actor, Progress { epoch: begun, taking, ..Progress::default() });
        let copied = Progress { epoch: begun, copied: Some(begun), ..Progress::default() };
        status.progress.insert(takers[1].actor, copied);
        status.peers[takers[1].node.0 as usize].up = false;
    });
    let body = reshard(&fake).await;
    let head = ["stage", "shards", "goal"].map(|name| body[name].clone());
    assert_eq!(head, [json!("copying"), json!(2), json!(3)]);
    let moves = body["moves"].as_array().expect("a list");
    let ends: Vec<_> = moves.iter().map(|one| (one["from"].clone(), one["to"].clone(), one["slots"].clone())).collect();
    assert_eq!(ends, [(json!("s0"), json!("s2"), json!(2_730)), (json!("s1"), json!("s2"), json!(2_731))]);
    assert_eq!(moves[1]["ranges"], json!([[13_653, 16_383]]));
    assert_eq!((&moves[1]["keys"], &moves[1]["bytes"]), (&json!(40), &json!(4_000)));
    let address = |taker: usize| addresses()[takers[taker].node.0 as usize].clone();
    let slow = json!({ "node": address(0), "up": true, "copied": false, "slots": 1_000, "keys": 10, "bytes": 1_500,
        "bytes-per-s": 1_000, "eta-s": 3 });
    let done = json!({ "node": address(1), "up": false, "copied": true, "slots": 0, "keys": 0, "bytes": 0, "bytes-per-s": 0,
        "eta-s": 0 });
    assert_eq!(moves[0]["takers"], json!([slow, done]));
    assert_eq!(moves[1]["takers"][0]["eta-s"], json!(7), "after the rest of the first");
    let asked: Vec<_> = [0, 1].map(|shard| Request::SizesMoving(ShardId(shard))).into();
    assert_eq!(fake.asked(), asked, "one question for each shard that gives");
}

#[tokio::test]
async fn what_is_not_known_is_left_open() {
    let config = copying();
    let fake = knowing(&config, Err(Refusal::CannotForward));
    let before = Epoch { generation: 0, number: 1 };
    let taker = config.replicas(ShardId(2)).next().expect("a taker").actor;
    let fake = fake.with_status(|status| {
        let taking = Taking { told: 9, bytes_per_s: 5, moves: vec![taken(7, 7, 7), taken(7, 7, 7)] };
        status.progress.insert(taker, Progress { epoch: before, taking, ..Progress::default() });
    });
    let body = reshard(&fake).await;
    for one in body["moves"].as_array().expect("a list") {
        assert_eq!((&one["keys"], &one["bytes"]), (&Value::Null, &Value::Null), "nobody counted");
        let taker = &one["takers"][0];
        assert_eq!((&taker["slots"], &taker["eta-s"]), (&json!(0), &Value::Null), "what it said was about another migration");
    }
}

#[tokio::test]
async fn an_abort_is_passed_to_the_node() {
    for (reply, status, member, text) in [
        (Ok(Answer::Changed), 200, "result", "aborted"),
        (Err(Refusal::NoReshard), 404, "error", "No reshard is under way"),
        (
            Err(Refusal::HandedOver),
            409,
            "error",
            "Too late to abort: no slot is left to be handed over, and the reshard goes on to its end",
        ),
        (Err(Refusal::NoMajority), 503, "error", "No majority of the config log answers"),
        (Err(Refusal::OutcomeUnknown), 504, "error", "Outcome unknown"),
    ] {
        let fake = Fake::answering(reply);
        let got = fake.raw("DELETE", "/admin/reshard", "").await;
        assert_eq!((got.status, got.json()), (status, json!({ member: text })));
        assert_eq!(fake.asked(), [Request::Admin(AdminCommand::AbortReshard)]);
    }
    let got = Fake::refusing(Refusal::Overruled).send("PUT", "/shard/reshard", json!({ "shard-count": 3 })).await;
    assert_eq!((got.status, got.error().as_str()), (409, "The reshard was aborted, or another one followed it"));
}

#[tokio::test]
async fn a_node_tells_of_itself_the_others_and_the_shards() {
    let fake = knowing(&copying(), Err(Refusal::NotSatisfied)).with_status(|status| {
        status.no_writes = Some(WhyNoWrites::ClockAhead);
        status.peers[1].suspected = true;
        status.peers[3].up = false;
        let (peer, import) = (NodeId(2), Some(ShardId(1)));
        status.transfer = Some(TransferStatus { peer, import, slots: 100, taken: taken(25, 7, 700) });
    });
    let got = fake.raw("GET", "/admin/status", "").await;
    let body = got.json();
    let own = ["address", "shard", "actor", "epoch", "ready", "no-writes", "keys", "lag-ms", "stable-lag-ms", "stable-culprit"];
    let said: Vec<Value> = own.iter().map(|name| body[name].clone()).collect();
    let expected = json!(["10.0.0.1:8090", "s0", "a0", "0.1", true, "clock_ahead", 12, 1_500, 2_500, "10.0.0.3:8090"]);
    assert_eq!(Value::Array(said), expected);
    let transfer = json!({ "from": "10.0.0.3:8090", "import": "s1", "slots": 100, "taken-slots": 25, "taken-keys": 7,
        "taken-bytes": 700 });
    assert_eq!(body["transfer"], transfer);
    let peers = body["peers"].as_array().expect("a list");
    assert_eq!(peers.len(), 5, "itself apart");
    assert_eq!(peers[0], json!({ "address": "10.0.0.2:8090", "up": true, "suspected": true, "shard": "s1" }));
    assert_eq!(peers[1], json!({ "address": "10.0.0.3:8090", "up": true, "suspected": false, "shard": "s0" }));
    assert_eq!((&peers[2]["address"], &peers[2]["up"]), (&json!("10.0.0.4:8090"), &json!(false)));
    let shards = body["shards"].as_array().expect("a list");
    let slots: Vec<_> = shards.iter().map(|shard| shard["slots"].clone()).collect();
    assert_eq!(slots, [8_192, 8_192, 0]);
    let replicas: usize = shards.iter().map(|shard| shard["replicas"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(replicas, 6);
}

#[tokio::test]
async fn a_backup_is_begun_given_by_slots_and_ended() {
    let entries = vec![("k".into(), StoredValue::json("[1, 2.50]"))];
    let part = BackupPart { shard: ShardId(1), next: Some(Slot(300)), entries };
    let fake = Fake::unasked().giving(Ok(part));
    let begun = fake.raw("PUT", "/admin/backup/1767225600000", "").await;
    assert_eq!((begun.status, begun.json()), (200, json!({ "result": "begun", "shard": "s1", "epoch": "0.1" })));
    let given = fake.raw("GET", "/admin/backup/1767225600000/299", "").await;
    assert_eq!(given.text, r#"{"shard":"s1","next":300,"entries":[{"key":"k","value":[1, 2.50]}]}"#, "values keep their text");
    let ended = fake.raw("DELETE", "/admin/backup/1767225600000", "").await;
    assert_eq!((ended.status, ended.json()), (200, json!({ "result": "ended" })));
}

#[tokio::test]
async fn where_there_is_no_backup_that_is_said() {
    for (why, status, text, again) in [
        (NoBackup::Late, 409, "The time is not ahead of the node's clock; a later one will do", None),
        (NoBackup::Busy(Hlc::from_millis(5)), 409, "Another backup is under way, of 5", None),
        (NoBackup::Unsettled, 503, "Slots move or the node has not caught up; try again later", Some("1")),
        (NoBackup::Unknown, 404, "No such backup: none was begun at this time, or it has ended", None),
        (
            NoBackup::TooEarly(Some(NodeId(2))),
            503,
            "Writes up to this time may still come; n2 holds the stable time back",
            Some("1"),
        ),
    ] {
        let fake = Fake::unasked().giving(Err(why));
        for got in [fake.raw("PUT", "/admin/backup/7", "").await, fake.raw("GET", "/admin/backup/7/0", "").await] {
            assert_eq!((got.status, got.json()), (status, json!({ "error": text })));
            assert_eq!(got.headers.get("retry-after").map(|value| value.to_str().expect("text")), again);
        }
    }
    let fake = Fake::unasked();
    for (method, path) in [("PUT", "/admin/backup/soon"), ("GET", "/admin/backup/7/16384"), ("GET", "/admin/backup/-1/0")] {
        assert_eq!(fake.raw(method, path, "").await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_ready_node_of_each_shard_gives_its_part_of_a_backup() {
    let asked: NodeReport =
        serde_json::from_value(Fake::unasked().raw("GET", "/admin/status", "").await.json()).expect("a report");
    let behind = NodeReport { address: "b".to_owned(), shard: Some("s1".to_owned()), ready: false, ..asked.clone() };
    let ready = NodeReport { address: "c".to_owned(), ready: true, ..behind.clone() };
    let reports = [asked, behind, ready];
    assert_eq!(backup_givers(&reports[..2]), Err("s1".to_owned()), "nobody of it is ready");
    assert_eq!(backup_givers(&reports), Ok(vec![&reports[0], &reports[2]]));
}
