//! Both worlds keep the promises written on `Env`, `Disk` and `DiskFile`: the same checks run against each.

use std::sync::Arc;

use causeway::id::NodeId;
use causeway_sim::{
    conformance::{self, Stage},
    conformance_checks,
    seeded::run_seeded,
    trace::Trace,
    world::{Death, SimEnv, World},
};

mod simulated {
    use super::*;

    struct Simulated(Arc<World>);

    impl Stage for Simulated {
        type Env = SimEnv;

        async fn start(&mut self, node: NodeId) -> SimEnv {
            self.0.boot(node)
        }

        async fn kill(&mut self, node: NodeId) {
            self.0.end(node, Death::Kill);
        }
    }

    macro_rules! check {
        ($name:ident) => {
            #[test]
            fn $name() {
                for seed in 0..20 {
                    run_seeded(seed, None, async |streams| {
                        let mut stage = Simulated(World::start(2, streams, Trace::default()));
                        conformance::$name(&mut stage).await;
                    });
                }
            }
        };
    }

    conformance_checks!(check);
}
