//! Gossip: signs of life and reports, to one other node a round, in turn. What a node says includes what others have said, so
//! news of a node reaches everyone although nobody talks to everyone.

use std::collections::VecDeque;

use rand_chacha::rand_core::Rng;

use super::{Node, WhyNoWrites};
use crate::{
    clock::Hlc,
    id::{Epoch, NodeId},
    mark::{Mark, reached},
    message::{Gossip, Heartbeat, Message},
};

/// A clock may be ahead of its peers' median by this part of the allowed drift.
const AHEAD_PART_OF_DRIFT: u64 = 2;
/// With fewer clocks than this, none can be told to be the wrong one.
const CLOCKS_FOR_MEDIAN: usize = 3;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    turn: VecDeque<NodeId>,
    beat: u64,
}

impl Rounds {
    /// The last sign of life that was given.
    pub fn beat(&self) -> u64 {
        self.beat
    }
}

impl Node {
    /// Tells the next node, down ones included: that is how they are found again.
    pub(super) fn gossip_round(&mut self) {
        if self.gossip.turn.is_empty() {
            let mut nodes: Vec<NodeId> = self.view.peers().map(|(node, _)| node).collect();
            for i in (1..nodes.len()).rev() {
                nodes.swap(i, self.random.next_u32() as usize % (i + 1));
            }
            self.gossip.turn = nodes.into();
        }
        let Some(to) = self.gossip.turn.pop_front() else { return };
        self.gossip.beat = (self.gossip.beat + 1).max(self.clock.last().0);
        let own =
            Heartbeat { beat: self.gossip.beat, takes_writes: self.standing.writes().is_ok(), serves: self.standing.serves() };
        let others = self.view.peers().filter(|(_, peer)| peer.heartbeat.beat > 0);
        let mut heartbeats: Vec<(NodeId, Heartbeat)> = others.map(|(node, peer)| (node, peer.heartbeat)).collect();
        heartbeats.push((self.plan.me, own));
        let knows = self.knows_who_is_up();
        let gossip = Gossip {
            wall_ms: self.now.wall_ms,
            heartbeats,
            reports: self.reports(),
            stable: self.stability.stable(),
            down: self.view.down(self.now.monotonic_us).filter(|_| knows).collect(),
            progress: self.progress_to_tell(),
        };
        self.send(to, Message::Gossip(gossip));
    }

    pub(super) fn receive_gossip(&mut self, from: NodeId, epoch: Epoch, gossip: Gossip) {
        let now_us = self.now.monotonic_us;
        self.view.clock_of(from, gossip.wall_ms, self.now);
        for (node, heartbeat) in gossip.heartbeats {
            if node == self.plan.me {
                // An older process of this node beat further: go on above it.
                self.gossip.beat = self.gossip.beat.max(heartbeat.beat);
                continue;
            }
            let changes = self.view.beat(node, heartbeat, now_us);
            self.view_changed(changes);
        }
        // A stable time of an older epoch did not count everybody who writes in this one.
        let stable = if epoch == self.plan.config.epoch() { gossip.stable } else { Hlc::ZERO };
        self.learn_reports(&gossip.reports, stable);
        self.learn_progress(gossip.progress);
        self.claims.learn(from, gossip.down, now_us);
        self.judge_clock();
    }

    /// A node whose clock is ahead of the median takes no writes: its hlcs would drag everyone's along. Its own clock counts, and of
    /// two in the middle the one that is less far behind: one clock that is wrong stops nobody else.
    fn judge_clock(&mut self) {
        let trusted = self.view.peers().filter(|(_, peer)| !peer.suspected);
        let mut ahead: Vec<i64> = trusted.map(|(_, peer)| -peer.clock_ahead_ms(self.now)).chain([0]).collect();
        ahead.sort_unstable();
        let limit_ms = (self.plan.settings.drift_ms / AHEAD_PART_OF_DRIFT) as i64;
        let is_ahead = ahead.len() >= CLOCKS_FOR_MEDIAN && ahead[(ahead.len() - 1) / 2] > limit_ms;
        match (is_ahead, self.standing.writes()) {
            (true, Ok(())) => {
                reached(Mark::ClockAhead);
                self.stop_writing(WhyNoWrites::ClockAhead);
            }
            (false, Err(WhyNoWrites::ClockAhead)) => {
                reached(Mark::ClockBack);
                self.start_writing();
            }
            _ => {}
        }
    }
}
