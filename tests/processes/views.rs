//! Slow is not dead: a node that pauses for 2 s keeps its place in all views, one that is killed leaves them within 5 s and is back
//! in them within 5 s of its restart.

use std::time::{Duration, Instant};

use tokio::time;

use crate::cluster::{Cluster, NODES};

const EVERYONE: [usize; NODES] = [0, 1, 2, 3, 4, 5];
const VICTIM: usize = 2;
const SURVIVORS: [usize; NODES - 1] = [0, 1, 3, 4, 5];

#[tokio::test]
async fn a_paused_node_keeps_its_place_and_a_dead_one_leaves_and_comes_back() {
    let mut cluster = Cluster::serving(&[]).await;

    cluster.pause(VICTIM);
    watch_views(&cluster, Duration::from_secs(2)).await;
    cluster.resume(VICTIM);
    watch_views(&cluster, Duration::from_secs(2)).await;
    cluster.until_views_are(&EVERYONE, Duration::from_secs(1)).await;

    cluster.kill(VICTIM);
    cluster.until_views_are(&SURVIVORS, Duration::from_secs(5)).await;
    cluster.start_node(VICTIM);
    cluster.until_views_are(&EVERYONE, Duration::from_secs(5)).await;
}

/// Asks the others again and again: nobody may leave, not even for a moment.
async fn watch_views(cluster: &Cluster, span: Duration) {
    let began = Instant::now();
    while began.elapsed() < span {
        for node in SURVIVORS {
            let view = cluster.view(node).await;
            assert_eq!(view, cluster.addresses(), "node {node} after {:?}", began.elapsed());
        }
        time::sleep(Duration::from_millis(20)).await;
    }
}
