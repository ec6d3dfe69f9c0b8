//! Changes of the config, by hand: nodes join, leave and are cut off, slots move, while clients read and write.

use causeway::{
    clock::Token,
    error::Refusal,
    id::{NodeId, ShardId},
    node::{AdminCommand, Answer, Outcome, Request, Settings},
};

use crate::bench::{Bench, found};

/// Keys with their values and the token of who wrote them all.
pub fn fill(bench: &mut Bench, keys: usize) -> Token {
    let mut token = Token::default();
    for i in 0..keys {
        let node = (i % bench.nodes.len()) as u32;
        token = bench.put(node, &format!("key-{i}"), &format!("{i}"), &token).expect("written").token;
    }
    token
}

pub fn all_read(bench: &mut Bench, keys: usize, token: &Token) {
    for node in 0..bench.nodes.len() as u32 {
        for i in 0..keys {
            let read =
                bench.get(node, &format!("key-{i}"), token).unwrap_or_else(|refusal| panic!("key-{i} at n{node}: {refusal}"));
            assert_eq!(read.outcome, found(&i.to_string()), "key-{i} at n{node}");
        }
    }
}

pub fn sizes(bench: &Bench) -> Vec<usize> {
    let config = bench.config();
    config.shards().map(|shard| config.replicas(shard).count()).collect()
}

#[test]
fn a_reshard_up_and_down_and_up_again_keeps_every_key_and_every_token() {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let token = fill(&mut bench, 60);
    for (shards, expected) in [(3, vec![2, 2, 2]), (2, vec![3, 3]), (1, vec![6]), (3, vec![2, 2, 2]), (3, vec![2, 2, 2])] {
        assert_eq!(bench.admin(0, AdminCommand::Reshard(shards)), Ok(Answer::Changed), "to {shards}");
        assert_eq!(sizes(&bench), expected, "to {shards}");
        all_read(&mut bench, 60, &token);
        bench.run_ms(3_000);
        let config = bench.config();
        assert!(config.migration().is_none() && config.goal().is_none());
        assert!(config.actors().all(|actor| actor.standing.writes()));
        all_read(&mut bench, 60, &Token::default());
        let counts: u64 = (0..shards).map(|shard| count(&mut bench, shard)).sum();
        assert_eq!(counts, 60);
    }
}

pub fn count(bench: &mut Bench, shard: u16) -> u64 {
    match bench.ask(0, Request::CountKeys(ShardId(shard)), 2_000).expect("answered") {
        Ok(Answer::Count(count)) => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_joins_is_added_to_a_shard_and_leaves_again() {
    let mut bench = Bench::new(4, 2, &Settings::default());
    let token = fill(&mut bench, 40);
    let address = "10.0.0.9:8090".to_owned();
    assert_eq!(bench.admin(1, AdminCommand::AddNode(address.clone())), Ok(Answer::Changed));
    assert_eq!(bench.admin(2, AdminCommand::AddNode(address.clone())), Ok(Answer::AlreadySo));
    bench.start_new_nodes();
    bench.run_ms(1_000);
    all_read(&mut bench, 40, &token);
    assert_eq!(bench.admin(3, AdminCommand::AddMember { address: address.clone(), shard: ShardId(1) }), Ok(Answer::Changed));
    bench.run_ms(1_000);
    assert!(bench.nodes[4].status().serves && bench.nodes[4].status().no_writes.is_none());
    all_read(&mut bench, 40, &token);
    let written = bench.put(4, "key-0", "0", &token).expect("written");
    assert_eq!(bench.admin(0, AdminCommand::RemoveNode(address)), Ok(Answer::Changed));
    bench.run_ms(1_000);
    assert_eq!(sizes(&bench), vec![2, 2]);
    all_read(&mut bench, 40, &written.token);
}

/// In a run of real processes the second of two deletes was 'deleted' too: its node had not heard of the first one yet, and what it
/// proposed itself had come too late.
#[test]
fn who_proposes_too_late_claims_nothing() {
    let mut bench = Bench::new(6, 2, &Settings::default());
    // Two groups that hear nothing of each other, and all reach the config log.
    for one in [1, 5].map(NodeId) {
        for other in [0, 2, 3, 4].map(NodeId) {
            bench.cut.extend([(one, other), (other, one)]);
        }
    }
    let address = bench.config().members()[4].address.clone();
    let remove = AdminCommand::RemoveNode(address.clone());
    assert_eq!(bench.admin(0, remove.clone()), Ok(Answer::Changed));
    assert!(bench.nodes[1].epoch() < bench.config().epoch());
    assert_eq!(bench.admin(1, remove), Err(Refusal::NoSuchNode));
    assert_eq!(bench.admin(0, AdminCommand::AddNode(address.clone())), Ok(Answer::Changed));
    assert!(bench.nodes[1].epoch() < bench.config().epoch());
    assert_eq!(bench.admin(1, AdminCommand::AddNode(address)), Ok(Answer::AlreadySo));
}

#[test]
fn a_dead_node_is_cut_off_and_returns_as_another_actor() {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let token = fill(&mut bench, 40);
    bench.run_ms(500);
    bench.cut(4);
    bench.run_ms(4_000);
    let lost = bench.put(4, "key-4", "lost", &Token::default());
    assert!(lost.is_ok() || bench.config().shard_of("key-4") != ShardId(0));
    let address = bench.config().members()[4].address.clone();
    assert_eq!(bench.admin(0, AdminCommand::RemoveNode(address.clone())), Ok(Answer::Changed));
    bench.run_ms(1_000);
    assert_eq!(bench.config().actors().count(), 5, "the dead actor is retired");
    bench.cut.clear();
    bench.run_ms(1_000);
    all_read(&mut bench, 40, &token);
    assert_eq!(bench.nodes[4].status().shard, None);
    assert_eq!(bench.admin(0, AdminCommand::AddNode(address.clone())), Ok(Answer::Changed));
    assert_eq!(bench.admin(0, AdminCommand::AddMember { address, shard: ShardId(0) }), Ok(Answer::Changed));
    bench.run_ms(1_000);
    all_read(&mut bench, 40, &token);
    let seat = bench.config().seat(NodeId(4)).copied().expect("a member again");
    assert!(seat.actor.0 >= 6, "under a name that nobody had");
}

#[test]
fn a_delete_before_a_move_stays_a_delete_after_it() {
    let mut bench = Bench::new(4, 1, &Settings::default());
    let mut token = fill(&mut bench, 30);
    for i in (0..30).step_by(2) {
        token = bench.key(i % 4, &format!("key-{i}"), &token, crate::bench::delete()).expect("deleted").token;
    }
    assert_eq!(bench.admin(0, AdminCommand::Reshard(2)), Ok(Answer::Changed));
    for _ in 0..3 {
        for i in 0..30 {
            let read = bench.get(i % 4, &format!("key-{i}"), &token).expect("read");
            assert_eq!(read.outcome, if i % 2 == 0 { Outcome::Absent } else { found(&i.to_string()) });
        }
        bench.run_ms(2_000);
    }
}
