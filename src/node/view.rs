//! Who this node believes up. Needs no majority, heals by itself, and decides nothing about placement.
//!
//! Two beliefs of different speed. A node is *down*, and out of the view, when its heartbeat has not risen for `down_after_ms`,
//! whoever passed it on; that is longer than a pause that keeps its place. A node is *suspected*, and avoided, much sooner: when
//! the gap since it was last heard of is out of line with the gaps before, in the manner of the phi accrual detector (Hayashibara,
//! Défago, Yared, Katayama, SRDS 2004), here with a bound of mean plus six deviations. Nobody waits for a suspected node.
//!
//! A node that was itself paused must not blame the others for the silence: a gap between its own ticks is not counted.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    id::{Incarnation, NodeId},
    mark::{Mark, reached},
    message::Heartbeat,
    mutant::{Mutant, planted},
    node::Now,
};

/// A gap between two ticks of this node above which it counts as having been paused.
const OWN_PAUSE_US: u64 = 300_000;
/// How much a new gap counts in the mean and the deviation.
const GAP_WEIGHT: f64 = 0.05;
/// A silence of mean plus this many deviations is suspect.
const DEVIATIONS: f64 = 6.0;
/// Of the messages of so many microseconds the fastest tells how far a clock is ahead: longer than a pause that keeps its place.
const CLOCK_WINDOW_US: u64 = 5_000_000;
/// How many past incarnations of a node are remembered, to drop what still arrives from them.
const PAST_INCARNATIONS: usize = 8;

/// What is known of another node.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub heartbeat: Heartbeat,
    /// Whether any process of it was ever heard to take writes.
    pub wrote: bool,
    incarnation: Option<Incarnation>,
    past: Vec<Incarnation>,
    /// Judged by what comes straight from it, not by what others pass on: peers of the shard, and all in a small cluster.
    close: bool,
    /// When a message last came straight from it.
    heard_us: Option<u64>,
    /// When its heartbeat last rose, whoever passed it on.
    alive_us: Option<u64>,
    mean_gap_us: f64,
    deviation_us: f64,
    pub up: bool,
    /// Since when it is believed down, pauses of this node's own left out.
    down_since_us: Option<u64>,
    pub suspected: bool,
    /// Until when it gets no repair.
    holdoff_until_us: u64,
    /// Its wall clock minus this node's monotonic one, as the messages of the last seconds showed it, each too low by what it took on
    /// its way: those that none after them exceeds.
    clock_samples: VecDeque<ClockSample>,
}

/// What one message shows of its sender's clock.
#[derive(Debug, Clone, Copy)]
struct ClockSample {
    at_us: u64,
    ahead_ms: i64,
}

/// What changed in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Suspected(NodeId),
    Trusted(NodeId),
    Down(NodeId),
    Up(NodeId),
}

/// Whether a message is from a node's present process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// The process that was known.
    Known,
    /// A process that was not known: the node was restarted.
    Fresh,
    /// A process that is gone.
    Gone,
}

/// This node's belief about all others.
#[derive(Debug)]
pub(super) struct View {
    peers: BTreeMap<NodeId, Peer>,
    suspect_after_us: u64,
    down_after_us: u64,
    holdoff_us: u64,
    last_tick_us: Option<u64>,
}

impl View {
    /// Of nobody yet.
    pub fn new(settings: &super::Settings) -> Self {
        Self {
            peers: BTreeMap::new(),
            suspect_after_us: settings.suspect_after_ms * 1_000,
            down_after_us: settings.down_after_ms * 1_000,
            holdoff_us: settings.repair_holdoff_ms * 1_000,
            last_tick_us: None,
        }
    }

    /// These are the others, and whether each is close. Nobody is up or trusted until heard of.
    pub fn keep(&mut self, others: impl Iterator<Item = (NodeId, bool)>) {
        for (node, close) in others {
            self.peers.entry(node).or_insert_with(|| Peer { suspected: true, ..Peer::default() }).close = close;
        }
    }

    pub fn peers(&self) -> impl Iterator<Item = (NodeId, &Peer)> + '_ {
        self.peers.iter().map(|(node, peer)| (*node, peer))
    }

    pub fn get(&self, node: NodeId) -> Option<&Peer> {
        self.peers.get(&node)
    }

    /// The process of a node that was heard last.
    pub fn process(&self, node: NodeId) -> Incarnation {
        self.peers.get(&node).and_then(|peer| peer.incarnation).unwrap_or_default()
    }

    /// Whether it is heard from: requests may be passed to it.
    pub fn trusts(&self, node: NodeId) -> bool {
        self.peers.get(&node).is_some_and(|peer| !peer.suspected)
    }

    /// Whether it gets and gives records: it is heard from, and was for long enough after a heal.
    pub fn repairs(&self, node: NodeId, now_us: u64) -> bool {
        self.peers.get(&node).is_some_and(|peer| !peer.suspected && now_us >= peer.holdoff_until_us)
    }

    /// Whether a peer is within its holdoff after a heal.
    pub fn holds_off(&self, node: NodeId, now_us: u64) -> bool {
        self.peers.get(&node).is_some_and(|peer| now_us < peer.holdoff_until_us)
    }

    /// Whether another process of a node is known than this one.
    pub fn knows_another(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.peers.get(&node).and_then(|peer| peer.incarnation).is_some_and(|known| known != incarnation)
    }

    /// Judges a message's incarnation.
    pub fn sender(&mut self, node: NodeId, incarnation: Incarnation) -> Sender {
        let Some(peer) = self.peers.get_mut(&node) else { return Sender::Gone };
        if peer.incarnation == Some(incarnation) {
            return Sender::Known;
        }
        if peer.past.contains(&incarnation) {
            return Sender::Gone;
        }
        if let Some(old) = peer.incarnation.replace(incarnation) {
            peer.past.insert(0, old);
            peer.past.truncate(PAST_INCARNATIONS);
        }
        peer.heard_us = None;
        peer.holdoff_until_us = 0;
        Sender::Fresh
    }

    /// A message came straight from this node.
    pub fn heard(&mut self, node: NodeId, now_us: u64) -> Vec<Change> {
        let holdoff_us = self.holdoff_us;
        let Some(peer) = self.peers.get_mut(&node) else { return Vec::new() };
        let mut changes = peer.sign_of_life(node, now_us);
        let last_us = peer.heard_us.replace(now_us);
        match last_us {
            Some(_) if peer.suspected => peer.holdoff_until_us = now_us + holdoff_us,
            Some(last_us) => peer.learn_gap(now_us - last_us.min(now_us)),
            None => {}
        }
        let never_again = last_us.is_some() && planted(Mutant::NeverTrustedAgain);
        if !never_again && std::mem::take(&mut peer.suspected) {
            changes.push(Change::Trusted(node));
        }
        changes
    }

    /// A heartbeat came by gossip.
    pub fn beat(&mut self, node: NodeId, heartbeat: Heartbeat, now_us: u64) -> Vec<Change> {
        let Some(peer) = self.peers.get_mut(&node).filter(|peer| peer.heartbeat.beat < heartbeat.beat) else {
            return Vec::new();
        };
        peer.heartbeat = heartbeat;
        peer.wrote |= heartbeat.takes_writes;
        let mut changes = peer.sign_of_life(node, now_us);
        if !peer.close && std::mem::take(&mut peer.suspected) {
            changes.push(Change::Trusted(node));
        }
        changes
    }

    /// A request to the node went unanswered: avoid it until it is heard.
    pub fn unanswered(&mut self, node: NodeId) -> Vec<Change> {
        match self.peers.get_mut(&node) {
            Some(peer) if !peer.suspected => {
                peer.suspected = true;
                vec![Change::Suspected(node)]
            }
            _ => Vec::new(),
        }
    }

    /// Who is believed down, and for how long without a break, in milliseconds.
    pub fn down(&self, now_us: u64) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        let down = self.peers.iter().filter_map(|(node, peer)| Some((*node, peer.down_since_us?)));
        down.map(move |(node, since_us)| (node, now_us.saturating_sub(since_us) / 1_000))
    }

    /// Notes what a node's wall clock showed when it sent a message that comes now.
    pub fn clock_of(&mut self, node: NodeId, wall_ms: u64, now: Now) {
        if let Some(peer) = self.peers.get_mut(&node) {
            let sample = ClockSample { at_us: now.monotonic_us, ahead_ms: wall_ms as i64 - monotonic_ms(now) };
            while peer.clock_samples.pop_back_if(|last| last.ahead_ms <= sample.ahead_ms).is_some() {}
            peer.clock_samples.push_back(sample);
            while peer.clock_samples.pop_front_if(|first| first.at_us + CLOCK_WINDOW_US < now.monotonic_us).is_some() {}
        }
    }

    /// Time has passed: who has been silent for too long?
    pub fn tick(&mut self, now_us: u64) -> Vec<Change> {
        let since_us = now_us - self.last_tick_us.replace(now_us).unwrap_or(now_us).min(now_us);
        if since_us > OWN_PAUSE_US {
            reached(Mark::OwnPause);
        }
        let mut changes = Vec::new();
        for (node, peer) in &mut self.peers {
            if since_us > OWN_PAUSE_US {
                peer.excuse(since_us);
            }
            let silent_us = now_us.saturating_sub(peer.alive_us.unwrap_or_default());
            let unheard_us = if peer.close { now_us.saturating_sub(peer.heard_us.unwrap_or_default()) } else { silent_us };
            if !peer.suspected && unheard_us > peer.limit_us(self.suspect_after_us) {
                peer.suspected = true;
                changes.push(Change::Suspected(*node));
            }
            if peer.up && silent_us > self.down_after_us {
                peer.up = false;
                changes.push(Change::Down(*node));
            }
            if !peer.up {
                peer.down_since_us.get_or_insert(now_us);
            }
        }
        changes
    }
}

impl Peer {
    /// Its wall clock minus this node's, in milliseconds: what the message showed that took least (the clock filter of NTP, RFC 5905,
    /// section 10). So a pause or a slow link is not taken for a wrong clock, and a jump of this node's own is seen at once.
    pub fn clock_ahead_ms(&self, now: Now) -> i64 {
        let fastest = self.clock_samples.front();
        fastest.map_or(0, |sample| sample.ahead_ms + monotonic_ms(now) - now.wall_ms as i64)
    }

    fn sign_of_life(&mut self, node: NodeId, now_us: u64) -> Vec<Change> {
        (self.alive_us, self.down_since_us) = (Some(now_us), None);
        if std::mem::replace(&mut self.up, true) { Vec::new() } else { vec![Change::Up(node)] }
    }

    fn learn_gap(&mut self, gap_us: u64) {
        let error_us = gap_us as f64 - self.mean_gap_us;
        self.mean_gap_us += GAP_WEIGHT * error_us;
        self.deviation_us += GAP_WEIGHT * (error_us.abs() - self.deviation_us);
    }

    /// The silence that is out of line, between the given bound and four times that.
    fn limit_us(&self, least_us: u64) -> u64 {
        let limit_us = self.mean_gap_us + DEVIATIONS * self.deviation_us;
        (limit_us as u64).clamp(least_us, 4 * least_us)
    }

    fn excuse(&mut self, pause_us: u64) {
        for seen_us in [&mut self.heard_us, &mut self.alive_us, &mut self.down_since_us].into_iter().flatten() {
            *seen_us += pause_us;
        }
    }
}

fn monotonic_ms(now: Now) -> i64 {
    (now.monotonic_us / 1_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Settings;

    const PEER: NodeId = NodeId(1);
    const MS: u64 = 1_000;

    fn heard_every_50_ms(view: &mut View, from_ms: u64, until_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for ms in (from_ms..until_ms).step_by(50) {
            changes.extend(view.heard(PEER, ms * MS));
            changes.extend(view.tick(ms * MS));
        }
        changes
    }

    fn silent(view: &mut View, from_ms: u64, until_ms: u64) -> Vec<Change> {
        (from_ms..until_ms).step_by(50).flat_map(|ms| view.tick(ms * MS)).collect()
    }

    fn view(settings: &Settings) -> View {
        let mut view = View::new(settings);
        view.keep([(PEER, true)].into_iter());
        view.sender(PEER, Incarnation(1));
        assert_eq!(heard_every_50_ms(&mut view, 1_000, 3_000), vec![Change::Up(PEER), Change::Trusted(PEER)]);
        view
    }

    #[test]
    fn a_silence_of_two_seconds_is_avoided_and_keeps_its_place() {
        let mut view = view(&Settings::default());
        assert_eq!(silent(&mut view, 3_000, 5_000), vec![Change::Suspected(PEER)]);
        assert_eq!(heard_every_50_ms(&mut view, 5_000, 6_000), vec![Change::Trusted(PEER)]);
    }

    #[test]
    fn a_dead_node_is_out_of_the_view_within_five_seconds() {
        let mut view = view(&Settings::default());
        assert_eq!(silent(&mut view, 3_000, 7_900), vec![Change::Suspected(PEER), Change::Down(PEER)]);
        assert_eq!(heard_every_50_ms(&mut view, 8_000, 8_100), vec![Change::Up(PEER), Change::Trusted(PEER)]);
    }

    #[test]
    fn a_node_that_was_paused_itself_blames_nobody() {
        let mut view = view(&Settings::default());
        assert_eq!(view.tick(13_000 * MS), Vec::new());
        assert_eq!(heard_every_50_ms(&mut view, 13_050, 14_000), Vec::new());
    }

    #[test]
    fn how_long_a_node_is_down_counts_from_when_it_left_the_view_and_leaves_own_pauses_out() {
        let mut view = view(&Settings::default());
        let down = |view: &View, ms: u64| view.down(ms * MS).collect::<Vec<_>>();
        silent(&mut view, 3_000, 6_150);
        assert_eq!(down(&view, 6_150), Vec::new(), "it is still in the view");
        silent(&mut view, 6_150, 7_200);
        assert_eq!(down(&view, 7_150), vec![(PEER, 950)]);
        view.tick(17_150 * MS);
        assert_eq!(down(&view, 17_150), vec![(PEER, 950)], "a pause of one's own");
        heard_every_50_ms(&mut view, 17_200, 17_250);
        assert_eq!(down(&view, 17_250), Vec::new());
    }

    #[test]
    fn repair_is_held_off_after_a_heal_but_not_for_a_fresh_process() {
        let settings = Settings { repair_holdoff_ms: 2_500, ..Settings::default() };
        let mut healed = view(&settings);
        silent(&mut healed, 3_000, 4_000);
        heard_every_50_ms(&mut healed, 4_000, 4_050);
        assert!(healed.trusts(PEER) && healed.holds_off(PEER, 6_400 * MS) && !healed.repairs(PEER, 6_400 * MS));
        assert!(healed.repairs(PEER, 6_500 * MS));

        let mut restarted = view(&settings);
        silent(&mut restarted, 3_000, 4_000);
        assert_eq!(restarted.sender(PEER, Incarnation(2)), Sender::Fresh);
        heard_every_50_ms(&mut restarted, 4_000, 4_050);
        assert!(restarted.repairs(PEER, 4_050 * MS));
        assert_eq!(restarted.sender(PEER, Incarnation(1)), Sender::Gone);
    }

    #[test]
    fn a_late_message_is_no_wrong_clock_and_a_jump_is_one_at_once() {
        let mut view = view(&Settings::default());
        let now = |ms: u64, wall_ms: u64| Now { monotonic_us: ms * MS, wall_ms };
        let ahead_ms = |view: &View, now: Now| view.get(PEER).map(|peer| peer.clock_ahead_ms(now));
        view.clock_of(PEER, 9_998, now(3_000, 10_000));
        view.clock_of(PEER, 10_002, now(4_000, 11_000));
        assert_eq!(ahead_ms(&view, now(4_000, 11_000)), Some(-2), "the second took a second on its way");
        assert_eq!(ahead_ms(&view, now(4_000, 13_000)), Some(-2_002), "the own clock jumped");
        view.clock_of(PEER, 1_000, now(10_000, 17_000));
        assert_eq!(ahead_ms(&view, now(10_000, 17_000)), Some(-16_000), "the peer's clock went back some seconds ago");
    }

    #[test]
    fn news_of_a_heartbeat_keeps_a_node_up_that_is_not_heard_itself() {
        let mut view = view(&Settings::default());
        let mut changes = Vec::new();
        for (beat, ms) in (3_000..9_000).step_by(100).enumerate() {
            changes.extend(view.beat(PEER, Heartbeat { beat: beat as u64 + 1, ..Heartbeat::default() }, ms * MS));
            changes.extend(view.tick(ms * MS));
        }
        assert_eq!(changes, vec![Change::Suspected(PEER)]);
    }
}
