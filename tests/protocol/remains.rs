//! What a damaged disk still shows, and nobody else has.

use causeway::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, NodeId},
    node::Settings,
    store::{Marks, Recovered, Snapshot, SnapshotHead, Value, Verdict, Version},
};

use crate::bench::{Bench, found};

/// What node 2 finds on a disk whose log lacks something: its snapshot holds one record of its own.
fn damaged(key: &str, dot: Dot, token: &Token) -> Recovered {
    let dependencies = Some(Box::new(token.clone()));
    let version = Version { dot, value: Some(Value::json("1")), dependencies, operation: None };
    let snapshot = Snapshot { head: SnapshotHead::default(), entries: vec![(key.into(), vec![version])] };
    let marks = Marks { lease: Hlc(dot.hlc.0 + 1_000), may_write: true, ..Marks::default() };
    Recovered { snapshot: Some(snapshot), marks: Some(marks), verdict: Verdict::Damaged, ..Recovered::default() }
}

/// Of a write that node 2 alone has, after a restart only its snapshot tells.
#[test]
fn what_only_a_snapshot_shows_of_an_actor_reaches_everybody() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    // Nobody gets a new actor.
    bench.log_is_down = true;
    bench.cut(2);
    let written = bench.put(2, "k", "1", &Token::default()).expect("written");
    let dot = Dot { actor: ActorId(2), hlc: written.token.get(ActorId(2)) };
    bench.restart(2, damaged("k", dot, &written.token));
    bench.cut.clear();
    bench.run_ms(5_000);
    for node in 0..3 {
        assert_eq!(bench.get(node, "k", &Token::default()).expect("read").outcome, found("1"), "node {node}");
    }
}

/// Node 2 has lost its disk. Node 0 says what it has of it, then gets the rest from node 1, which loses its disk before it is asked.
#[test]
fn who_has_lost_its_records_asks_again_when_one_who_had_them_loses_them_too() {
    let mut bench = Bench::new(3, 1, &Settings::default());
    bench.log_is_down = true;
    let apart = |bench: &mut Bench, a, b| bench.cut.extend([(NodeId(a), NodeId(b)), (NodeId(b), NodeId(a))]);
    apart(&mut bench, 0, 1);
    apart(&mut bench, 0, 2);
    bench.put(2, "k", "1", &Token::default()).expect("written");
    bench.run_ms(500);
    assert_eq!(bench.get(1, "k", &Token::default()).expect("read").outcome, found("1"));
    bench.cut.clear();
    apart(&mut bench, 0, 1);
    apart(&mut bench, 1, 2);
    bench.wipe(2);
    bench.run_ms(500);
    bench.cut.clear();
    apart(&mut bench, 0, 2);
    apart(&mut bench, 1, 2);
    bench.run_ms(2_000);
    assert_eq!(bench.get(0, "k", &Token::default()).expect("read").outcome, found("1"));
    bench.cut.clear();
    apart(&mut bench, 0, 1);
    apart(&mut bench, 0, 2);
    bench.wipe(1);
    bench.run_ms(2_000);
    bench.cut.clear();
    bench.run_ms(5_000);
    for node in 0..3 {
        assert_eq!(bench.get(node, "k", &Token::default()).expect("read").outcome, found("1"), "node {node}");
    }
}
