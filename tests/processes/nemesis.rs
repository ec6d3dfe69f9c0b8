//! Kills a random node every 3 s and starts it again a moment later.

use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::time;

use crate::cluster::{Cluster, NODES};

const PERIOD: Duration = Duration::from_secs(3);

/// Goes on while the run does; at the end every node runs. Says how many it killed.
pub async fn kill_and_restart(cluster: &mut Cluster, mut random: ChaCha8Rng, goes_on: impl Fn() -> bool) -> u32 {
    let mut kills = 0;
    while goes_on() {
        let next = Instant::now() + PERIOD;
        let node = random.random_range(0..NODES);
        cluster.kill(node);
        kills += 1;
        time::sleep(Duration::from_millis(random.random_range(50..1_500))).await;
        cluster.start_node(node);
        while goes_on() && Instant::now() < next {
            time::sleep(Duration::from_millis(50)).await;
        }
    }
    kills
}
