//! Requests for a shard whose members are in the view, but none of which can be asked at the moment: links are still being made, or a
//! member has just restarted. They are held for a while and tried again, so that a node whose view is complete also serves what its
//! view promises. Nothing of them has been applied anywhere.

use super::{Node, forward::Ask};
use crate::{
    error::Refusal,
    id::ShardId,
    mark::{Mark, reached},
};

/// The requests that are held, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Held {
    entries: Vec<(Ask, ShardId)>,
}

impl Held {
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Node {
    /// Whether a request that no member takes should be held: a member is believed up, and there is time for an attempt later.
    pub(super) fn may_hold(&self, ask: &Ask, shard: ShardId) -> bool {
        let attempt_us = 1_000 * self.plan.settings.attempt_ms();
        let in_time = self.now.monotonic_us + attempt_us < ask.expires_us;
        let believed_up = |node| self.view.get(node).is_some_and(|peer| peer.up);
        let room = self.held.len() < self.plan.settings.waiting_limit;
        in_time && ask.hops > 0 && room && self.plan.config.replicas(shard).any(|member| believed_up(member.node))
    }

    pub(super) fn hold(&mut self, ask: Ask, shard: ShardId) {
        reached(Mark::Held);
        self.held.entries.push((ask, shard));
    }

    /// Refuses all that is held: the process is stopping.
    pub(super) fn refuse_held(&mut self) {
        for (ask, _) in std::mem::take(&mut self.held.entries) {
            self.answer(ask.origin, Err(Refusal::Stopping));
        }
    }

    /// Tries all that is held once more. What still finds nobody is held again, or refused when its time is over.
    pub(super) fn retry_held(&mut self) {
        for (ask, shard) in std::mem::take(&mut self.held.entries) {
            let forwarded = self.forwards.len();
            self.forward(ask, shard);
            if self.forwards.len() > forwarded {
                reached(Mark::HeldForwarded);
            }
        }
    }
}
