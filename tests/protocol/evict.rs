//! Nodes that stay away lose their place by themselves, and return by themselves.

use std::sync::Arc;

use causeway::{
    clock::{Dot, Hlc, Token},
    error::Refusal,
    id::{ActorId, Epoch, NodeId},
    node::{AdminCommand, Answer, Settings},
    store::{Marks, Record, Recovered, Value, Verdict, Write},
};

use crate::bench::{Bench, found};

const EVICT_AFTER_MS: u64 = 5_000;
/// Until a node that is cut off leaves the views of others, and a bit more.
const DOWN_MS: u64 = 3_500;

fn settings() -> Settings {
    Settings { evict_after_ms: EVICT_AFTER_MS, ..Settings::default() }
}

fn seated(bench: &Bench) -> Vec<u32> {
    let config = bench.config();
    config.members().iter().filter(|member| member.actor.is_some()).map(|member| member.node.0).collect()
}

#[test]
fn a_node_that_stays_away_is_evicted_and_returns_by_itself_as_another_actor() {
    let mut bench = Bench::new(3, 1, &settings());
    let written = bench.put(0, "k", "1", &Token::default()).expect("written");
    bench.cut(2);
    bench.run_ms(DOWN_MS + EVICT_AFTER_MS - 500);
    assert_eq!(seated(&bench), vec![0, 1, 2], "not down for long enough");
    bench.run_ms(1_000);
    assert_eq!(seated(&bench), vec![0, 1], "and the cut-off node, which believes all others down, evicts nobody");
    let stable = bench.nodes[0].status().stable;
    bench.run_ms(1_000);
    assert!(bench.nodes[0].status().stable > stable, "the stable time goes on without it");
    bench.cut.clear();
    bench.run_ms(2_000);
    assert_eq!(seated(&bench), vec![0, 1, 2]);
    let seat = bench.config().seat(NodeId(2)).copied().expect("a member again");
    assert_eq!(seat.actor.0, 3, "under a name that nobody had");
    assert_eq!(bench.get(2, "k", &written.token).expect("read").outcome, found("1"));
    bench.put(2, "k", "2", &written.token).expect("it takes writes again");
}

#[test]
fn a_node_that_is_heard_again_in_between_keeps_its_place() {
    let mut bench = Bench::new(3, 1, &settings());
    for _ in 0..3 {
        bench.cut(2);
        bench.run_ms(DOWN_MS + EVICT_AFTER_MS - 500);
        bench.cut.clear();
        bench.run_ms(100);
    }
    assert_eq!(bench.config().epoch().number, 1);
}

#[test]
fn without_a_majority_that_agrees_nobody_is_evicted() {
    for (nodes, away) in [(2, vec![1]), (4, vec![2, 3])] {
        let mut bench = Bench::new(nodes, 1, &settings());
        away.iter().for_each(|node| bench.cut(*node));
        bench.run_ms(DOWN_MS + 3 * EVICT_AFTER_MS);
        assert_eq!(bench.config().epoch().number, 1, "{away:?} of {nodes}");
    }
}

#[test]
fn the_last_live_replica_of_a_shard_is_not_evicted() {
    let mut bench = Bench::new(6, 3, &settings());
    bench.cut(1);
    bench.cut(4);
    bench.run_ms(DOWN_MS + 3 * EVICT_AFTER_MS);
    assert_eq!(seated(&bench), vec![0, 1, 2, 3, 4, 5], "both replicas of one shard are away");
}

#[test]
fn evicting_can_be_turned_off() {
    let mut bench = Bench::new(3, 1, &Settings { evict_after_ms: 0, ..Settings::default() });
    bench.cut(2);
    bench.run_ms(DOWN_MS + 3 * EVICT_AFTER_MS);
    assert_eq!(bench.config().epoch().number, 1);
}

#[test]
fn a_node_that_was_removed_and_dies_before_it_has_handed_over_holds_nothing_up() {
    let mut bench = Bench::new(3, 1, &settings());
    let address = bench.config().members()[2].address.clone();
    bench.put(0, "k", "1", &Token::default()).expect("written");
    // Removed while it is still in the view: it is to hand over, and cannot any more.
    bench.cut(2);
    assert_eq!(bench.admin(0, AdminCommand::RemoveNode(address)), Ok(Answer::Changed));
    bench.run_ms(DOWN_MS);
    assert_eq!(bench.config().actors().count(), 3);
    bench.run_ms(EVICT_AFTER_MS + 1_000);
    assert_eq!(bench.config().actors().count(), 2);
    bench.cut.clear();
    bench.run_ms(2_000);
    assert_eq!(seated(&bench), vec![0, 1], "an operator removed it: it does not return by itself");
    assert_eq!(bench.get(1, "k", &Token::default()).map(|answer| answer.outcome), Ok(found("1")));
}

/// A cluster of which the last node was cut off, took a write, and was evicted. With the token of who wrote.
fn with_a_tail() -> (Bench, Token) {
    let mut bench = Bench::new(3, 1, &settings());
    let before = bench.put(2, "k", "1", &Token::default()).expect("written");
    bench.run_ms(100);
    bench.cut(2);
    let lost = bench.put(2, "k", "2", &before.token).expect("written");
    bench.run_ms(DOWN_MS);
    assert_eq!(bench.get(0, "k", &lost.token).map(|answer| answer.outcome), Err(Refusal::NotSatisfied), "it may come yet");
    bench.run_ms(EVICT_AFTER_MS + 500);
    assert_eq!(seated(&bench), vec![0, 1]);
    (bench, lost.token)
}

#[test]
fn what_only_an_evicted_node_had_is_set_aside_there_and_counted() {
    let (mut bench, _) = with_a_tail();
    assert_eq!(bench.nodes[2].status().set_aside, 0, "it does not know yet");
    bench.cut.clear();
    bench.run_ms(2_000);
    let sets = bench.nodes[2].set_aside();
    assert_eq!(sets.iter().map(|set| (set.actor.0, set.left_out)).collect::<Vec<_>>(), vec![(2, 0)]);
    let kept: Vec<_> = sets[0].writes.iter().map(|write| (&*write.key, write.value.clone())).collect();
    assert_eq!(kept, vec![("k", Some(Value::json("2")))], "what the others have is none of it");
    assert!(sets[0].cut.is_some_and(|cut| cut < sets[0].writes[0].dot.hlc));
    let status = bench.nodes[2].status();
    assert_eq!((status.set_aside, status.counters.set_aside), (1, 1));
    for node in 0..3 {
        assert_eq!(bench.get(node, "k", &Token::default()).expect("read").outcome, found("1"));
        assert_eq!(bench.nodes[node as usize].status().counters.set_aside, u64::from(node == 2));
    }
}

/// Seed 1001932: only node 1 had what node 2 wrote last, and both were evicted.
#[test]
fn what_an_evicted_node_had_of_another_one_is_set_aside_too() {
    let mut bench = Bench::new(5, 1, &settings());
    let both_ways = |a, b| [(NodeId(a), NodeId(b)), (NodeId(b), NodeId(a))];
    bench.cut.extend([0, 3, 4].into_iter().flat_map(|node| both_ways(node, 2)));
    bench.put(2, "k", "2", &Token::default()).expect("written");
    bench.cut(1);
    bench.cut(2);
    bench.run_ms(DOWN_MS + EVICT_AFTER_MS + 1_000);
    assert_eq!(seated(&bench), vec![0, 3, 4]);
    bench.cut.retain(|(a, b)| a.0 == 2 || b.0 == 2);
    bench.run_ms(2_000);
    assert!(seated(&bench).contains(&1), "it returned");
    let sets = bench.nodes[1].set_aside();
    let kept: Vec<_> = sets.iter().flat_map(|set| set.writes.iter().map(|write| (set.actor.0, &*write.key))).collect();
    assert_eq!(kept, vec![(2, "k")], "node 2 may never return");
    assert_eq!(bench.nodes[1].status().counters.set_aside, 1);
}

#[test]
fn a_node_takes_nothing_over_before_its_tail_is_on_its_disk() {
    let (mut bench, _) = with_a_tail();
    bench.full.insert(2);
    bench.cut.clear();
    bench.run_ms(3_000);
    assert!(!bench.nodes[2].status().serves, "a snapshot would take the place of the log that has the tail");
    assert_eq!(bench.nodes[2].set_aside().len(), 1);
    bench.full.clear();
    bench.run_ms(3_000);
    assert!(bench.nodes[2].status().serves && bench.nodes[2].status().no_writes.is_none());
}

#[test]
fn a_process_finds_the_tail_of_a_former_actor_in_its_log() {
    let (mut bench, _) = with_a_tail();
    let write = |hlc| {
        let dot = Dot { actor: ActorId(2), hlc };
        let (epoch, past) = (Epoch::default(), Token::default());
        Arc::new(Write { dot, epoch, key: "k".into(), value: None, past, operation: None })
    };
    let config = bench.config();
    let cut = config.cut_of(ActorId(2)).expect("settled, and remembered although the actor is retired");
    let records = vec![Record::Write(write(cut)), Record::Write(write(cut.next())), Record::Write(write(Hlc(cut.0 + 9)))];
    let marks = Marks { config: Some(config), holds: Some(ActorId(2)), may_write: true, ..Marks::default() };
    bench.restart(2, Recovered { records, marks: Some(marks), verdict: Verdict::Complete, ..Recovered::default() });
    let dots: Vec<u64> = bench.nodes[2].set_aside().iter().flat_map(|set| &set.writes).map(|write| write.dot.hlc.0).collect();
    assert_eq!(dots, vec![cut.0 + 1, cut.0 + 9]);
    bench.cut.clear();
    bench.run_ms(3_000);
    assert_eq!(seated(&bench), vec![0, 1, 2]);
    assert_eq!(bench.nodes[2].status().set_aside, 2);
}

#[test]
fn a_session_that_has_seen_what_was_cut_off_is_served_and_told_so() {
    let (mut bench, token) = with_a_tail();
    let read = bench.get(0, "k", &token).expect("nobody can wait for what is cut off");
    assert_eq!((read.outcome, read.has_gap), (found("1"), true));
    assert!(!bench.get(0, "k", &Token::default()).expect("read").has_gap);
    let written = bench.put(1, "other", "3", &token).expect("written");
    assert!(written.has_gap);
    bench.run_ms(1_000);
    let later = bench.get(0, "k", &read.token).expect("read");
    assert!(!later.has_gap, "the token is folded: it names the write no more");
    let counted: u64 = bench.nodes.iter().map(|node| node.status().counters.causal_gaps).sum();
    assert_eq!(counted, 2);
}
