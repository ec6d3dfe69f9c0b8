//! A group that runs: one fault at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use causeway::runtime::control::{ControlLog, Liveness, ProposeError};
use causeway_sim::{
    seeded::run_seeded,
    streams::Streams,
    world::{Death, Flow, Link, Rot, Syncs},
};

use super::cluster::{Cluster, node, nodes, propose};

/// Runs a story with some seeds.
pub fn with_seeds<F: Future<Output = ()> + 'static>(story: impl Fn(Streams) -> F + Copy + Send + 'static) {
    for seed in 0..4 {
        run_seeded(seed, None, story);
    }
}

#[test]
fn three_found_once_and_decide() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        assert_eq!(cluster.control(node(0)).status().voters.len(), 3);
        for number in [0, 1, 2, 0] {
            let epoch = cluster.make(node(number)).await;
            cluster.until("all have it", 2_000, |cluster| (0..3).all(|number| cluster.epoch(node(number)) == epoch)).await;
        }
        assert_eq!(cluster.ledger().states().len(), 5);
        cluster.ledger().close();
    });
}

#[test]
fn a_group_of_one_works() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(1, streams);
        cluster.settled(5_000).await;
        let epoch = cluster.make(node(0)).await;
        cluster.end(node(0), Death::PowerLoss);
        cluster.start(node(0));
        cluster.until("it is back", 5_000, |cluster| cluster.epoch(node(0)) == epoch && cluster.leader().is_some()).await;
        cluster.make(node(0)).await;
    });
}

#[test]
fn of_two_that_expect_the_same_epoch_one_wins() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        for _ in 0..5 {
            let (first, second) = (cluster.proposal(node(0)), cluster.proposal(node(1)));
            assert_eq!(first.expected, second.expected);
            let (first, second) =
                futures_util::future::join(cluster.propose(node(0), first), cluster.propose(node(1), second)).await;
            let made = [&first, &second].into_iter().flatten().count();
            let conflicts = [&first, &second].into_iter().filter(|answer| matches!(answer, Err(ProposeError::Conflict { .. })));
            assert_eq!((made, conflicts.count()), (1, 1), "{first:?} {second:?}");
            cluster.settled(2_000).await;
        }
    });
}

#[test]
fn a_retry_of_what_was_made_is_no_conflict() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let proposal = cluster.proposal(node(1));
        let made = cluster.propose(node(1), proposal.clone()).await.expect("nobody else proposes");
        cluster.make(node(0)).await;
        for number in 0..3 {
            assert_eq!(cluster.propose(node(number), proposal.clone()).await, Ok(made));
        }
        // A change of nothing is refused, now and ever.
        let mut nothing = cluster.proposal(node(2));
        cluster.settled(2_000).await;
        nothing.expected = cluster.epoch(node(2));
        nothing.change.clear();
        assert!(matches!(cluster.propose(node(2), nothing).await, Err(ProposeError::Refused(_))));
    });
}

#[test]
fn lost_answers_do_not_lose_what_was_won() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        cluster.world.change_links(|_, _, link| *link = Link { loss: 0.3, duplication: 0.2, ..link.clone() });
        let mut made = 0;
        for turn in 0..10 {
            let proposal = cluster.proposal(node(turn % 3));
            match cluster.propose(node(turn % 3), proposal).await {
                Ok(_) => made += 1,
                Err(ProposeError::Conflict { .. } | ProposeError::Unknown | ProposeError::NoMajority) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert!(made > 3, "{made}");
        cluster.world.change_links(|_, _, link| *link = Link::default());
        cluster.settled(10_000).await;
        cluster.ledger().close();
    });
}

#[test]
fn a_leader_that_dies_is_followed_within_seconds() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        for death in [Death::PowerLoss, Death::Kill] {
            let leader = cluster.leader().expect("settled").node;
            let other = cluster.running().find(|node| *node != leader).expect("three run");
            cluster.end(leader, death);
            let began_us = cluster.world.now_us();
            let epoch = cluster.make(other).await;
            assert!(cluster.world.now_us() - began_us < 6_000_000, "{} us", cluster.world.now_us() - began_us);
            cluster.start(leader);
            cluster.until("it catches up", 5_000, |cluster| cluster.epoch(leader) == epoch).await;
        }
        cluster.settled(10_000).await;
        cluster.ledger().close();
    });
}

#[test]
fn a_minority_decides_nothing_and_says_so() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let leader = cluster.leader().expect("settled").node;
        cluster.set_flow(&[leader].into(), Flow::Cut);
        let proposal = cluster.proposal(leader);
        let alone = propose(cluster.control(leader).clone(), cluster.ledger.clone(), proposal.clone());
        let other = cluster.running().find(|node| *node != leader).expect("three run");
        let (alone, _) = futures_util::future::join(alone, cluster.sleep_ms(3_000)).await;
        assert_eq!(alone, Err(ProposeError::Unknown), "it was in the leader's log");
        cluster.make(other).await;
        let later = cluster.proposal(leader);
        assert_eq!(cluster.propose(leader, later).await.err().map(|error| error.to_string().len() > 10), Some(true));
        cluster.set_flow(&[leader].into(), Flow::Open);
        cluster.settled(10_000).await;
        let again = cluster.propose(leader, proposal).await;
        assert!(matches!(again, Err(ProposeError::Conflict { .. })), "{again:?}");
        cluster.ledger().close();
    });
}

#[test]
fn nodes_beyond_the_voters_learn_and_take_the_place_of_the_dead() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(4, streams);
        cluster.settled(15_000).await;
        let status = cluster.control(node(0)).status();
        assert_eq!((status.voters.len(), status.learners.len()), (3, 1), "{status:?}");
        let leader = status.leader.expect("settled");
        let dead = *status.voters.iter().find(|voter| **voter != leader).expect("three vote");
        cluster.end(dead.node, Death::PowerLoss);
        cluster.sleep_ms(8_000).await;
        assert!(cluster.control(leader.node).status().voters.contains(&dead), "not at once");
        cluster
            .until("a learner votes", 10_000, |cluster| {
                let status = cluster.control(leader.node).status();
                status.voters.len() == 3 && !status.voters.contains(&dead)
            })
            .await;
        cluster.make(leader.node).await;
        cluster.start(dead.node);
        cluster.settled(10_000).await;
        assert!(cluster.control(dead.node).status().learners.contains(&dead));
    });
}

#[test]
fn a_wiped_voter_comes_back_under_another_name() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let epoch = cluster.make(node(0)).await;
        for number in 0..3 {
            let before = cluster.control(node(number)).status().member.expect("settled");
            cluster.wipe(node(number));
            cluster.sleep_ms(2_500).await;
            cluster.start(node(number));
            cluster
                .until("its new disk votes", 20_000, |cluster| {
                    cluster.running().all(|node| {
                        let status = cluster.control(node).status();
                        let names: BTreeSet<_> = status.voters.iter().map(|voter| voter.node).collect();
                        names.len() == 3
                            && status.voters.len() == 3
                            && status.learners.is_empty()
                            && !status.voters.contains(&before)
                    })
                })
                .await;
        }
        cluster.settled(5_000).await;
        assert_eq!(cluster.epoch(node(1)), epoch);
        cluster.make(node(2)).await;
        cluster.ledger().close();
    });
}

#[test]
fn a_node_that_leaves_is_forgotten_and_a_new_one_learns() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::new(5, streams);
        cluster.listed = nodes(3);
        for number in 0..3 {
            cluster.start(node(number));
        }
        cluster.settled(10_000).await;
        cluster.listed = nodes(4);
        cluster.start(node(3));
        cluster.settled(10_000).await;
        assert_eq!(cluster.control(node(3)).status().learners.len(), 1);
        let members: BTreeMap<_, _> = (1..4).map(|number| (node(number), Liveness::Up)).collect();
        for number in 0..4 {
            cluster.control(node(number)).members(members.clone());
        }
        cluster
            .until("node 0 is forgotten", 30_000, |cluster| {
                let status = cluster.control(node(2)).status();
                let all: BTreeSet<_> = status.voters.iter().chain(&status.learners).map(|member| member.node).collect();
                all == (1..4).map(node).collect() && status.voters.len() == 3
            })
            .await;
    });
}

#[test]
fn a_node_that_was_away_gets_what_lies_between() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let leader = cluster.leader().expect("settled").node;
        let away = cluster.running().find(|node| *node != leader).expect("three run");
        let seen = cluster.epoch(away);
        cluster.end(away, Death::Kill);
        let mut expected = vec![];
        for _ in 0..120 {
            expected.push(cluster.make(leader).await);
        }
        cluster.start(away);
        let mut watch = cluster.control(away).watch(Some(seen));
        let mut got = vec![];
        let newest = *expected.last().expect("some");
        while got.last() != Some(&newest) {
            got.push(watch.changed().await.epoch);
        }
        let kept = &expected[expected.len() - got.len().min(120)..];
        assert_eq!(got, kept, "in order, and none of the last is missing");
        assert!(got.len() >= 64, "{}", got.len());
    });
}

#[test]
fn large_states_travel_in_pieces() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        for _ in 0..70 {
            let mut proposal = cluster.proposal(node(0));
            proposal.change.extend(std::iter::repeat_n('x', 60_000));
            let _ = cluster.propose(node(0), proposal).await;
            cluster.settled(10_000).await;
        }
        let states = cluster.ledger().states().len();
        assert!(states > 60, "{states}");
        cluster.wipe(node(2));
        cluster.sleep_ms(1_000).await;
        cluster.start(node(2));
        cluster.settled(20_000).await;
        cluster.make(node(2)).await;
    });
}

#[test]
fn a_full_disk_holds_a_member_up_and_no_more() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let full = cluster.leader().expect("settled").node;
        let used = cluster.world.disk_used_bytes(full);
        cluster.world.change_disk(full, |disk| disk.capacity_bytes = Some(used));
        let other = cluster.running().find(|node| *node != full).expect("three run");
        for _ in 0..150 {
            cluster.make(other).await;
        }
        cluster.world.change_disk(full, |disk| disk.capacity_bytes = None);
        cluster.settled(10_000).await;
        cluster.ledger().close();
    });
}

#[test]
fn a_member_whose_file_failed_stops_and_comes_back_as_another() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let sick = node(1);
        let before = cluster.control(sick).status().member;
        cluster.world.change_disk(sick, |disk| disk.syncs = Syncs::Fail);
        let other = node(0);
        cluster.make(other).await;
        cluster.until("it stops", 5_000, |cluster| cluster.control(sick).status().phase.to_string() == "failed").await;
        let proposal = cluster.proposal(sick);
        assert_eq!(cluster.propose(sick, proposal).await, Err(ProposeError::Stopping));
        cluster.make(other).await;
        cluster.world.change_disk(sick, |disk| disk.syncs = Syncs::Succeed);
        cluster.end(sick, Death::Kill);
        cluster.start(sick);
        cluster.settled(20_000).await;
        assert_ne!(cluster.control(sick).status().member, before);
        cluster.ledger().close();
    });
}

#[test]
fn a_damaged_file_is_set_aside() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let before = cluster.control(node(2)).status().member;
        cluster.end(node(2), Death::PowerLoss);
        // Most of the file is room to come: one of so many hits what is used.
        for _ in 0..3_000 {
            cluster.world.rot(node(2), Rot::FlippedBit, "control-log");
        }
        cluster.start(node(2));
        cluster.settled(20_000).await;
        let status = cluster.control(node(2)).status();
        assert_ne!(status.member, before);
        assert_eq!(status.set_aside.len(), 1);
        cluster.ledger().close();
    });
}

/// Prints what an idle group costs. Numbers for documents, nothing to hold.
#[test]
#[ignore = "prints numbers"]
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "it measures real time, and says what it measured")]
fn what_an_idle_group_costs() {
    for count in [1, 3, 7] {
        // Within a simulation the clock is simulated.
        let began = std::time::Instant::now();
        let frames = run_seeded(1, None, move |streams| async move {
            let cluster = Cluster::started(count, streams);
            cluster.settled(20_000).await;
            let frames = cluster.world.network_stats().sent;
            cluster.sleep_ms(1_000_000).await;
            cluster.world.network_stats().sent - frames
        });
        let (frames, cpu_ms) = (frames as f64 / 1_000.0, began.elapsed().as_secs_f64());
        println!("{count} members: {frames:.1} frames and {cpu_ms:.3} ms of a CPU in a simulated second");
    }
}

/// Prints how long a group has no leader after its leader lost power.
#[test]
#[ignore = "prints numbers"]
#[expect(clippy::disallowed_macros, reason = "it says what it measured")]
fn how_long_a_failover_takes() {
    let mut took_ms: Vec<u64> = (0..40)
        .map(|seed| {
            run_seeded(seed, None, |streams| async move {
                let mut cluster = Cluster::started(3, streams);
                cluster.settled(20_000).await;
                let leader = cluster.leader().expect("settled");
                cluster.end(leader.node, Death::PowerLoss);
                let began_us = cluster.world.now_us();
                cluster.until("another leads", 20_000, |cluster| cluster.leader().is_some()).await;
                (cluster.world.now_us() - began_us) / 1_000
            })
        })
        .collect();
    took_ms.sort_unstable();
    println!("median {} ms, 90 % {} ms, longest {} ms", took_ms[20], took_ms[36], took_ms[39]);
}
