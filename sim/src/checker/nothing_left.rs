//! I24. A healed cluster comes to rest: every node works by the newest config, which has nothing on the move, no goal, and no actor that
//! leaves or was cut off; and no replica keeps dependencies of any write.
//!
//! Source: invariant I24; hand-overs that hang for weeks in other stores, and metadata that grows while they do.
//!
//! Why no stronger: nothing is asked of a run without a config log.

use causeway::{
    node::{Status, WhyNoWrites},
    placement::Config,
};

use super::{Property, Violation};

/// What is left, once the cluster should be at rest.
pub fn check(config: &Config, statuses: &[Status]) -> Result<(), Violation> {
    match lacking(config, statuses) {
        None => Ok(()),
        Some(left) => Err(Property::NothingIsLeft.violated(left)),
    }
}

fn lacking(config: &Config, statuses: &[Status]) -> Option<String> {
    if let Some(migration) = config.migration() {
        return Some(format!("slots are on the move since {}", migration.begun));
    }
    if let Some(goal) = config.goal() {
        return Some(format!("the reshard to {goal} has not ended"));
    }
    if let Some(actor) = config.actors().find(|actor| !actor.standing.writes()) {
        return Some(format!("{} of {} is not retired", actor.actor, actor.node));
    }
    statuses.iter().find_map(|status| {
        if status.epoch != config.epoch() {
            return Some(format!("{} works in {} and the newest is {}", status.node, status.epoch, config.epoch()));
        }
        if status.unstable_versions > 0 {
            return Some(format!("{} keeps dependencies of {} versions", status.node, status.unstable_versions));
        }
        // A clock that has drifted away stays where it is.
        let why = status.no_writes.filter(|why| status.shard.is_some() && *why != WhyNoWrites::ClockAhead)?;
        Some(format!("{} takes no writes: {why}", status.node))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::{Moving, blame};

    #[test]
    fn a_move_that_never_ends() {
        let run = Moving::switched();
        assert_eq!(blame(check(&run.config(), &[])), Some(Property::NothingIsLeft));
        assert_eq!(blame(check(&run.first(), &[])), None);
    }
}
