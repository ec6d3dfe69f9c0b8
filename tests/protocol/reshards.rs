//! What an operator sees and does of a reshard: it is called off, and nothing is lost; it shows how far it is.

use causeway::{
    clock::Token,
    error::Refusal,
    id::{NodeId, RequestId, ShardId},
    node::{AdminCommand, Answer, Request, Settings},
    placement::{Stage, Taken},
    store::Size,
};

use crate::{
    bench::{Bench, found},
    configs::{all_read, count, fill, sizes},
};

const KEYS: usize = 60;

/// Six nodes in two shards that hold keys, on their way to three.
fn under_way(stage: Stage) -> (Bench, Token, RequestId) {
    let mut bench = Bench::new(6, 2, &Settings::default());
    let token = fill(&mut bench, KEYS);
    let reshard = bench.begin(0, Request::Admin(AdminCommand::Reshard(3)));
    bench.until_stage(stage);
    (bench, token, reshard)
}

fn abort(bench: &mut Bench, node: u32) -> Result<Answer, Refusal> {
    bench.admin(node, AdminCommand::AbortReshard)
}

/// Everything is as it was before the reshard.
fn is_as_before(bench: &mut Bench, token: &Token) {
    bench.until_stage(Stage::None);
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
    bench.until_stage(Stage::Copying);
    assert_eq!(abort(&mut bench, 3), Ok(Answer::Changed));
    is_as_before(&mut bench, &token);
    assert_eq!(bench.answer(reshard), Some(Err(Refusal::Overruled)));
}

#[test]
fn after_the_hand_over_nothing_is_called_off() {
    for (stage, node) in [(Stage::Switched, 0), (Stage::Switched, 5), (Stage::Finishing, 0)] {
        let (mut bench, token, reshard) = under_way(stage);
        assert_eq!(abort(&mut bench, node), Err(Refusal::HandedOver), "{stage}");
        bench.until_stage(Stage::None);
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

/// Six nodes in one shard with a bound for what each gives, some keys with values of so many characters, and a reshard under way.
fn bounded(bytes_per_s: u64, keys: usize, chars: usize) -> (Bench, RequestId) {
    let settings = Settings { transfer_bytes_per_s: bytes_per_s, ..Settings::default() };
    let mut bench = Bench::new(6, 1, &settings);
    let mut token = Token::default();
    for i in 0..keys {
        token = bench.put((i % 6) as u32, &format!("key-{i}"), &"x".repeat(chars), &token).expect("written").token;
    }
    bench.run_ms(1_000);
    let reshard = bench.begin(2, Request::Admin(AdminCommand::Reshard(3)));
    bench.until_stage(Stage::Copying);
    (bench, reshard)
}

fn ends(bench: &mut Bench, reshard: RequestId, keys: usize, chars: usize) {
    for _ in 0..120_000 {
        if let Some(reply) = bench.answer(reshard) {
            assert_eq!(reply, Ok(Answer::Changed));
            for (i, node) in (0..keys).flat_map(|i| (0..6).map(move |node| (i, node))) {
                let read = bench.get(node, &format!("key-{i}"), &Token::default()).expect("read");
                assert_eq!(read.outcome, found(&"x".repeat(chars)), "key-{i} at n{node}");
            }
            return;
        }
        bench.run_ms(1);
    }
    panic!("it goes on for ever: {:?}", bench.config().stage());
}

#[test]
fn no_node_gives_more_in_transfers_than_it_may() {
    const BYTES_PER_S: u64 = 40_000;
    let (mut bench, reshard) = bounded(BYTES_PER_S, 200, 1_000);
    bench.given.clear();
    ends(&mut bench, reshard, 200, 1_000);
    let mut total = 0;
    for node in (0..6).map(NodeId) {
        let given: Vec<(u64, u64)> =
            bench.given.iter().filter(|(_, from, _)| *from == node).map(|(us, _, bytes)| (*us, *bytes)).collect();
        for (i, (since_us, first)) in given.iter().enumerate() {
            let mut before = *first;
            for (until_us, part) in &given[i + 1..] {
                let may = BYTES_PER_S * (until_us - since_us) / 1_000_000;
                assert!(before <= may, "{node} gave {before} bytes in {} us, and then some more", until_us - since_us);
                before += part;
            }
        }
        total += given.iter().map(|(_, bytes)| bytes).sum::<u64>();
    }
    assert!(total > 200_000, "each of four takers got a third of 200 KB: {total}");
}

/// Each slot takes longer than a taker waits for a part.
#[test]
fn a_taker_waits_for_whom_a_bound_holds_back() {
    let (mut bench, reshard) = bounded(10_000, 10, 50_000);
    ends(&mut bench, reshard, 10, 50_000);
}

#[test]
fn every_node_learns_how_far_each_taker_is() {
    let (mut bench, reshard) = bounded(40_000, 200, 1_000);
    let config = bench.config();
    let migration = config.migration().expect("slots move").clone();
    let Some(Ok(Answer::Sizes(sizes))) = bench.ask(5, Request::SizesMoving(ShardId(0)), 2_000) else {
        panic!("asked of anybody")
    };
    let size_of = |shard: ShardId| sizes.iter().find(|(to, _)| *to == shard).map(|(_, size)| *size).expect("a size");
    let known = |bench: &Bench, node: usize| -> Vec<Taken> {
        let progress = bench.nodes[node].status().progress;
        let takers = migration.moves.iter().flat_map(|one| config.replicas(one.to));
        takers
            .map(|taker| {
                progress.get(&taker.actor).and_then(|progress| progress.taking.moves.first()).copied().unwrap_or_default()
            })
            .collect()
    };
    let mut seen: Vec<Vec<Taken>> = (0..6).map(|node| known(&bench, node)).collect();
    let mut rises = 0;
    while bench.config().stage() == Stage::Copying {
        bench.run_ms(100);
        for (node, before) in seen.iter_mut().enumerate() {
            let now = known(&bench, node);
            assert!(before.iter().zip(&now).all(|(before, now)| now.bytes >= before.bytes || now.bytes == 0), "nothing was lost");
            rises += usize::from(now != *before);
            *before = now;
        }
    }
    assert!(rises > 6 * 4, "they saw {rises} changes");
    let whole: Vec<Taken> = migration
        .moves
        .iter()
        .flat_map(|one| config.replicas(one.to).map(move |_| one))
        .map(|one| {
            let Size { keys, bytes, .. } = size_of(one.to);
            Taken { slots: one.slots.len() as u16, keys, bytes }
        })
        .collect();
    assert!(seen.contains(&whole), "a taker, at least, knows the last of it: {seen:?} {whole:?}");
    let is_close = |(seen, whole): (&Taken, &Taken)| seen.bytes <= whole.bytes && seen.bytes * 4 >= whole.bytes * 3;
    assert!(seen.iter().all(|known| known.iter().zip(&whole).all(is_close)), "{seen:?} {whole:?}");
    ends(&mut bench, reshard, 200, 1_000);
}
