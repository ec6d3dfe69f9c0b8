//! Forced recovery, and the return of those who were given up.

use causeway::{
    id::Epoch,
    runtime::{
        Disk,
        control::{ASIDE_PREFIX, ControlLog, ProposeError, RecoverError},
    },
};
use causeway_sim::world::{Death, Flow};

use super::{
    cluster::{Cluster, node},
    steady::with_seeds,
};

#[test]
fn one_of_three_goes_on_and_the_others_come_back_fenced() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        let epoch = cluster.make(node(0)).await;
        cluster.settled(5_000).await;
        cluster.end(node(1), Death::PowerLoss);
        cluster.end(node(2), Death::PowerLoss);
        let proposal = cluster.proposal(node(0));
        let refused = cluster.propose(node(0), proposal).await;
        assert!(matches!(refused, Err(ProposeError::NoMajority | ProposeError::Unknown)), "{refused:?}");
        let recovered = cluster.control(node(0)).recover().await.expect("it has all");
        assert_eq!(recovered, Epoch { generation: 1, number: 1 });
        cluster.until("it goes on", 5_000, |cluster| cluster.epoch(node(0)) == recovered).await;
        let parent = cluster.control(node(0)).current().expect("recovered").parent.expect("it had one");
        assert!(parent >= epoch);
        cluster.make(node(0)).await;
        let of_old = |cluster: &Cluster| cluster.ledger().states().keys().filter(|epoch| epoch.generation == 0).count();
        let old = of_old(&cluster);
        cluster.start(node(1));
        cluster.start(node(2));
        cluster.settled(20_000).await;
        cluster.until("three vote", 10_000, |cluster| cluster.control(node(1)).status().voters.len() == 3).await;
        assert!((0..3).all(|number| cluster.control(node(number)).status().group.map(|group| group.generation) == Some(1)));
        cluster.make(node(2)).await;
        for number in 0..3 {
            let names = cluster.disk(node(number)).list().await.expect("it is well");
            assert!(names.iter().any(|name| name.starts_with(ASIDE_PREFIX)), "{names:?}");
        }
        assert_eq!(of_old(&cluster), old, "the old group decided nothing");
    });
}

#[test]
fn a_majority_that_hears_of_a_newer_generation_leaves_its_own() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(3, streams);
        cluster.settled(10_000).await;
        cluster.set_flow(&[node(2)].into(), Flow::Cut);
        let before = cluster.make(node(0)).await;
        let recovered = cluster.control(node(2)).recover().await.expect("it has most");
        assert!(recovered > before);
        cluster.until("it goes on", 5_000, |cluster| cluster.epoch(node(2)) == recovered).await;
        cluster.make(node(0)).await;
        cluster.set_flow(&[node(2)].into(), Flow::Open);
        cluster
            .until("all are in the new one", 20_000, |cluster| (0..3).all(|number| cluster.epoch(node(number)).generation == 1))
            .await;
        cluster.settled(20_000).await;
        cluster.make(node(1)).await;
    });
}

#[test]
fn the_only_voter_comes_back_empty_and_its_learner_goes_on() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::started(2, streams);
        cluster.settled(10_000).await;
        let epoch = cluster.make(node(1)).await;
        cluster.settled(5_000).await;
        let status = cluster.control(node(0)).status();
        let voter = status.voters.first().expect("one votes").node;
        assert_eq!((status.voters.len(), status.learners.len()), (1, 1));
        cluster.wipe(voter);
        cluster.sleep_ms(3_000).await;
        cluster.start(voter);
        cluster
            .until("a new generation", 20_000, |cluster| cluster.running().all(|node| cluster.epoch(node).generation == 1))
            .await;
        cluster.settled(10_000).await;
        let parent = cluster.control(voter).current().expect("recovered").parent;
        assert_eq!(parent, Some(epoch));
        cluster.make(voter).await;
    });
}

#[test]
fn a_node_that_knows_nothing_recovers_nothing() {
    with_seeds(|streams| async move {
        let mut cluster = Cluster::new(3, streams);
        cluster.start(node(0));
        cluster.sleep_ms(1_000).await;
        assert_eq!(cluster.control(node(0)).recover().await, Err(RecoverError::Nothing));
        cluster.start(node(1));
        cluster.settled(10_000).await;
        cluster.make(node(0)).await;
    });
}
