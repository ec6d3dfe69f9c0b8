//! Founding in every order: together, late, restarted in the middle, with wiped disks and cut links.

use std::collections::BTreeSet;

use causeway::runtime::control::ControlLog;
use causeway_sim::{
    seeded::run_seeded,
    streams::Purpose,
    world::{Death, Flow, Link, Order},
};
use rand::{
    RngExt,
    seq::{IndexedRandom, SliceRandom},
};

use super::{
    cluster::{Cluster, node, nodes},
    steady::with_seeds,
};

/// What all that run agree on is the only first state that anyone ever saw.
async fn is_one(cluster: &mut Cluster, limit_ms: u64) {
    cluster.settled(limit_ms).await;
    let first = cluster.running().next().expect("someone runs");
    cluster.make(first).await;
    cluster.settled(5_000).await;
    cluster.ledger().close();
}

/// The same once the links are whole and everybody runs.
async fn is_one_once_healed(cluster: &mut Cluster, count: u32) {
    cluster.world.change_links(|_, _, link| *link = Link::default());
    for some in nodes(count) {
        if !cluster.world.lives(some) {
            cluster.start(some);
        }
    }
    is_one(cluster, 60_000).await;
}

#[test]
fn late_nodes_join() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::new(5, streams);
        let mut order: Vec<u32> = (0..5).collect();
        order.shuffle(&mut streams.stream(Purpose::Shape));
        for number in order {
            cluster.start(node(number));
            cluster.sleep_ms(2_000).await;
        }
        is_one(&mut cluster, 30_000).await;
        cluster.until("five vote", 10_000, |cluster| cluster.control(node(0)).status().voters.len() == 5).await;
    });
}

#[test]
fn a_minority_founds_nothing() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::new(5, streams);
        cluster.start(node(1));
        cluster.start(node(4));
        cluster.sleep_ms(20_000).await;
        assert!(cluster.running().all(|node| cluster.control(node).current().is_none()));
        assert!(cluster.running().all(|node| cluster.control(node).status().phase.to_string() == "founding"));
        cluster.start(node(2));
        is_one(&mut cluster, 20_000).await;
    });
}

#[test]
fn one_of_two_sides_founds() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(5, streams);
        let minority: BTreeSet<_> = [node(0), node(3)].into();
        cluster.set_flow(&minority, Flow::Cut);
        cluster.sleep_ms(15_000).await;
        let founded: BTreeSet<_> = cluster.running().filter(|node| cluster.control(*node).current().is_some()).collect();
        assert_eq!(founded, nodes(5).difference(&minority).copied().collect());
        cluster.set_flow(&minority, Flow::Open);
        is_one(&mut cluster, 20_000).await;
    });
}

/// Starts, ends, restarts and lost frames all over the founding; wipes as long as no majority of the list is ever without a disk
/// that took part.
#[test]
fn there_is_one_first_state_whatever_happens_meanwhile() {
    for seed in 0..30 {
        run_seeded(seed, None, |streams| async move {
            let mut chance = streams.stream(Purpose::Faults);
            let count = chance.random_range(1..=6);
            let mut cluster = Cluster::new(count, streams);
            cluster.world.change_links(|_, _, link| *link = Link { loss: 0.2, duplication: 0.1, ..link.clone() });
            let mut may_wipe = count > 2;
            for _ in 0..12 {
                let some = node(chance.random_range(0..count));
                if !cluster.world.lives(some) {
                    cluster.start(some);
                } else if chance.random_bool(0.4) {
                    let death = if chance.random_bool(0.5) { Death::PowerLoss } else { Death::Kill };
                    cluster.end(some, death);
                } else if chance.random_bool(0.2) && may_wipe && cluster.running().count() == count as usize {
                    // All of the list run, and whoever accepted is asked.
                    may_wipe = false;
                    cluster.wipe(some);
                }
                cluster.sleep_ms(chance.random_range(20..1_500)).await;
            }
            is_one_once_healed(&mut cluster, count).await;
        });
    }
}

/// All attempt at once over slow links that lose much, nobody waits for all, and they end and start again in the middle: what
/// staggered, patient nodes make rare.
#[test]
fn of_rival_attempts_one_is_settled() {
    for seed in 0..100 {
        run_seeded(seed, None, |streams| async move {
            let mut chance = streams.stream(Purpose::Faults);
            let count = *[3, 3, 4, 5].choose(&mut chance).expect("some");
            let mut cluster = Cluster::new(count, streams);
            cluster.settings.founding_patience_ms = 1;
            cluster.world.change_links(|_, _, link| {
                *link = Link { latency_us: 1_000..=240_000, loss: 0.3, order: Order::Any, ..link.clone() };
            });
            // Who waits longest before its first attempt starts first.
            for number in (0..count).rev() {
                cluster.start(node(number));
                cluster.sleep_ms(chance.random_range(50..150)).await;
            }
            for _ in 0..20 {
                let some = node(chance.random_range(0..count));
                if cluster.world.lives(some) {
                    cluster.end(some, Death::PowerLoss);
                } else {
                    cluster.start(some);
                }
                cluster.sleep_ms(chance.random_range(1..700)).await;
            }
            is_one_once_healed(&mut cluster, count).await;
        });
    }
}

/// Whoever knows first that a founding is settled goes down before anyone hears of it: the others come to the same one.
#[test]
fn what_one_node_settled_unheard_is_what_all_settle() {
    for seed in 0..40 {
        run_seeded(seed, None, |streams| async move {
            let count = *[3, 4, 5].choose(&mut streams.stream(Purpose::Shape)).expect("some");
            let mut cluster = Cluster::new(count, streams);
            cluster.settings.founding_patience_ms = 1;
            cluster.world.change_links(|_, _, link| link.latency_us = 5_000..=200_000);
            for number in (0..count).rev() {
                cluster.start(node(number));
            }
            let is_member = |cluster: &Cluster, node| cluster.control(node).status().phase.to_string() == "member";
            let first = loop {
                let first = cluster.running().find(|node| is_member(&cluster, *node));
                if let Some(first) = first {
                    break first;
                }
                cluster.world.sleep_us(200).await;
            };
            cluster.set_flow(&[first].into(), Flow::Cut);
            cluster.end(first, Death::PowerLoss);
            cluster
                .until("the others are in a group", 20_000, |cluster| cluster.running().all(|node| is_member(cluster, node)))
                .await;
            cluster.set_flow(&[first].into(), Flow::Open);
            cluster.start(first);
            is_one(&mut cluster, 30_000).await;
        });
    }
}
