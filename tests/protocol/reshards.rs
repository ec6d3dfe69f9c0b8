//! What an operator sees and does of a reshard: it is called off, and nothing is lost; it shows how far it is.

use causeway::{
    clock::Token,
    error::Refusal,
    id::RequestId,
    node::{AdminCommand, Answer, Request, Settings},
    placement::Stage,
};

use crate::{
    bench::Bench,
    configs::{all_read, count, fill, sizes},
};

const KEYS: usize = 60;

/// Lets time pass until the reshard is so far.
fn until(bench: &mut Bench, stage: Stage) {
    for _ in 0..10_000 {
        if bench.config().stage() == stage {
            return;
        }
        bench.run_ms(1);
    }
    panic!("never {stage}: {:?}", bench.config());
}

/// Six nodes in two shards that hold keys, on their way to three.
fn under_way(stage: Stage) -> (Bench, Token, RequestId) {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let token = fill(&mut bench, KEYS);
    let reshard = bench.begin(0, Request::Admin(AdminCommand::Reshard(3)));
    until(&mut bench, stage);
    (bench, token, reshard)
}

fn abort(bench: &mut Bench, node: u32) -> Result<Answer, Refusal> {
    bench.admin(node, AdminCommand::AbortReshard)
}

/// Everything is as it was before the reshard.
fn is_as_before(bench: &mut Bench, token: &Token) {
    until(bench, Stage::None);
    bench.run_ms(2_000);
    assert_eq!(sizes(bench), vec![3, 3], "nodes went back");
    let config = bench.config();
    assert!(config.actors().all(|actor| actor.standing.writes()), "nobody is left on the way");
    assert_eq!(config.owners().sizes(2), vec![8_192, 8_192]);
    all_read(bench, KEYS, token);
    all_read(bench, KEYS, &Token::default());
    assert_eq!((0..2).map(|shard| count(bench, shard)).sum::<u64>(), KEYS as u64);
}

#[test]
fn a_reshard_is_called_off_at_any_node_before_its_slots_are_handed_over() {
    for (stage, node) in [(Stage::MovingNodes, 0), (Stage::MovingNodes, 4), (Stage::Copying, 0), (Stage::Copying, 5)] {
        let (mut bench, token, reshard) = under_way(stage);
        assert_eq!(abort(&mut bench, node), Ok(Answer::Changed), "{stage}, at n{node}");
        is_as_before(&mut bench, &token);
        assert_eq!(bench.answer(reshard), Some(Err(Refusal::Overruled)), "{stage}, at n{node}");
        assert_eq!(abort(&mut bench, node), Err(Refusal::NoReshard));
        assert_eq!(bench.admin(1, AdminCommand::Reshard(3)), Ok(Answer::Changed), "another one goes through");
        assert_eq!(sizes(&bench), vec![2, 2, 2]);
        all_read(&mut bench, KEYS, &token);
    }
}

#[test]
fn a_reshard_down_is_called_off_too() {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let token = fill(&mut bench, KEYS);
    let reshard = bench.begin(3, Request::Admin(AdminCommand::Reshard(1)));
    until(&mut bench, Stage::Copying);
    assert_eq!(abort(&mut bench, 3), Ok(Answer::Changed));
    is_as_before(&mut bench, &token);
    assert_eq!(bench.answer(reshard), Some(Err(Refusal::Overruled)));
}

#[test]
fn after_the_hand_over_nothing_is_called_off() {
    for (stage, node) in [(Stage::Switched, 0), (Stage::Switched, 5), (Stage::Finishing, 0)] {
        let (mut bench, token, reshard) = under_way(stage);
        assert_eq!(abort(&mut bench, node), Err(Refusal::HandedOver), "{stage}");
        until(&mut bench, Stage::None);
        bench.run_ms(1_000);
        assert_eq!(bench.answer(reshard), Some(Ok(Answer::Changed)), "{stage}");
        assert_eq!(sizes(&bench), vec![2, 2, 2]);
        all_read(&mut bench, KEYS, &token);
    }
}

/// Whoever calls a reshard off does not want a retry of the same request to begin it again.
#[test]
fn a_reshard_that_waits_for_the_one_called_off_does_not_begin() {
    let (mut bench, token, first) = under_way(Stage::MovingNodes);
    bench.run_ms(50);
    assert_eq!(bench.config().stage(), Stage::MovingNodes, "and by now everybody knows it");
    let retries = [0, 2].map(|node| bench.begin(node, Request::Admin(AdminCommand::Reshard(3))));
    assert_eq!(abort(&mut bench, 2), Ok(Answer::Changed));
    is_as_before(&mut bench, &token);
    for request in [first, retries[0], retries[1]] {
        assert_eq!(bench.answer(request), Some(Err(Refusal::Overruled)));
    }
}

#[test]
fn without_a_majority_the_answer_is_bounded_and_a_retry_does_it() {
    let (mut bench, token, _) = under_way(Stage::MovingNodes);
    bench.log_is_down = true;
    let began_us = bench.now.monotonic_us;
    assert_eq!(abort(&mut bench, 1), Err(Refusal::NoMajority));
    assert!(bench.now.monotonic_us - began_us <= 4_100_000, "{} us", bench.now.monotonic_us - began_us);
    bench.log_is_down = false;
    assert_eq!(abort(&mut bench, 1), Ok(Answer::Changed));
    is_as_before(&mut bench, &token);
}

#[test]
fn where_no_reshard_is_under_way_none_is_called_off() {
    let mut bench = Bench::new(4, 2, &Settings::default());
    assert_eq!(abort(&mut bench, 3), Err(Refusal::NoReshard));
    bench.log_is_down = true;
    assert_eq!(abort(&mut bench, 3), Err(Refusal::NoMajority), "this node may not have heard of one");
}
