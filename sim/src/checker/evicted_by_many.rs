//! A node is evicted only when a majority of the config's nodes has believed it down, each without a break, for as long as the settings
//! say, until not long before.
//!
//! Source: design, Evict: 'a majority of the config's nodes, each suspecting for the whole time'.
//!
//! Why no stronger: a proposal may be made some seconds after those who agreed were heard, and clocks run by a few percent apart. A
//! process that has ended keeps the beliefs that it had: when it ended is not told here.

use std::collections::BTreeMap;

use causeway::{
    id::NodeId,
    node::Event,
    placement::{Config, Member},
};

use super::{Property, Violation};

/// How long before its config is first adopted the proposal of an eviction may rest on what was said, in microseconds.
const AGO_US: u64 = 10_000_000;
/// By how much a clock that drifts may count too much, in percent.
const DRIFT_PERCENT: u64 = 6;

/// One node's belief about another.
#[derive(Debug, Clone, Copy, Default)]
struct Belief {
    /// Since when it is down; none while it is up.
    down_us: Option<u64>,
    /// The last time that it was down, from when to when; a shorter one that follows soon does not make others forget it.
    was_down_us: Option<(u64, u64)>,
}

impl Belief {
    fn end(&mut self, now_us: u64) {
        let length = |(from_us, to_us): (u64, u64)| to_us - from_us;
        let last = self.was_down_us.filter(|(_, to_us)| to_us + AGO_US >= now_us);
        let ended = self.down_us.take().map(|since_us| (since_us, now_us));
        self.was_down_us = [last, ended].into_iter().flatten().max_by_key(|down| length(*down));
    }
}

/// Whom each node has believed down, and when.
#[derive(Debug)]
pub struct Beliefs {
    beliefs: BTreeMap<(NodeId, NodeId), Belief>,
    /// When each process began, which believes nobody up.
    began_us: BTreeMap<NodeId, u64>,
    after_us: u64,
}

impl Beliefs {
    /// Where nodes are evicted after that long.
    pub fn new(after_ms: u64) -> Self {
        Self { beliefs: BTreeMap::new(), began_us: BTreeMap::new(), after_us: after_ms * 1_000 }
    }

    /// A process begins.
    pub fn begin(&mut self, by: NodeId, now_us: u64) {
        for (_, belief) in self.beliefs.iter_mut().filter(|((who, _), _)| *who == by) {
            belief.end(now_us);
            belief.down_us = Some(now_us);
        }
        self.began_us.insert(by, now_us);
    }

    /// A node says what it believes of another.
    pub fn hear(&mut self, by: NodeId, event: &Event, now_us: u64) {
        match event {
            Event::Down(whom) => self.of(by, *whom).down_us = Some(now_us),
            Event::Up(whom) => self.of(by, *whom).end(now_us),
            _ => {}
        }
    }

    fn of(&mut self, by: NodeId, whom: NodeId) -> &mut Belief {
        let began_us = self.began_us.get(&by).copied().unwrap_or_default();
        self.beliefs.entry((by, whom)).or_insert(Belief { down_us: Some(began_us), was_down_us: None })
    }

    fn agrees(&self, by: NodeId, whom: NodeId, now_us: u64) -> bool {
        let began_us = self.began_us.get(&by).copied();
        let belief = self.beliefs.get(&(by, whom)).copied().unwrap_or(Belief { down_us: began_us, was_down_us: None });
        let is_long = |from_us: u64, to_us: u64| (to_us - from_us) * (100 + DRIFT_PERCENT) / 100 >= self.after_us;
        let is_down = belief.down_us.is_some_and(|since_us| is_long(since_us, now_us));
        is_down || belief.was_down_us.is_some_and(|(from_us, to_us)| is_long(from_us, to_us) && to_us + AGO_US >= now_us)
    }

    /// Judges the config that follows another, when it is first adopted.
    pub fn check(&self, before: &Config, after: &Config, now_us: u64) -> Result<(), Violation> {
        let judges = || before.members().iter().filter(|member| !member.removed).map(|member| member.node);
        for member in after.members().iter().filter(|member| is_evicted(before, member)) {
            let agreeing: Vec<NodeId> = judges().filter(|by| self.agrees(*by, member.node, now_us)).collect();
            if 2 * agreeing.len() <= judges().count() {
                let who = agreeing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let evidence =
                    format!("{} is evicted in {}, and only these had believed it down: [{who}]", member.node, after.epoch());
                return Err(Property::EvictedByMany.violated(evidence).at(member.node));
            }
        }
        Ok(())
    }
}

fn is_evicted(before: &Config, member: &Member) -> bool {
    let was_home = before.member(member.node).is_some_and(|before| before.home.is_none() && before.actor.is_some());
    member.actor.is_none() && member.home.is_some() && was_home
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway::placement::Change;

    use super::*;
    use crate::checker::litmus::{Litmus, blame};

    const AWAY: NodeId = NodeId(2);
    const LONG_US: u64 = 301_000_000;

    /// Two nodes lose sight of the third; one of them sees it again, or not, and it is evicted.
    fn evicted(seen_again: bool) -> Option<Property> {
        let mut run = Litmus::new();
        for node in 0..2 {
            run.recover(node, node, 0).unwrap();
            run.happened(node, Event::Up(AWAY)).unwrap();
            run.happened(node, Event::Down(AWAY)).unwrap();
        }
        if seen_again {
            run.judge.pass_time(LONG_US / 2);
            run.happened(1, Event::Up(AWAY)).unwrap();
            run.happened(1, Event::Down(AWAY)).unwrap();
        }
        run.judge.pass_time(LONG_US);
        let config = run.config().changed(&Change::Evict { node: AWAY }).unwrap();
        blame(run.happened(0, Event::Adopted(Arc::new(config))))
    }

    /// What one process has said is heard while the next one begins.
    #[test]
    fn one_that_ends_has_said_what_it_believed() {
        let mut beliefs = Beliefs::new(LONG_US / 1_000);
        for node in (0..2).map(NodeId) {
            beliefs.begin(node, 0);
            beliefs.hear(node, &Event::Up(AWAY), 0);
            beliefs.hear(node, &Event::Down(AWAY), 0);
        }
        beliefs.begin(NodeId(1), LONG_US);
        beliefs.hear(NodeId(1), &Event::Up(AWAY), LONG_US + 1);
        assert!([0, 1].map(NodeId).into_iter().all(|node| beliefs.agrees(node, AWAY, LONG_US + AGO_US)));
        assert!(!beliefs.agrees(NodeId(1), AWAY, LONG_US + AGO_US + 1));
    }

    #[test]
    fn one_that_saw_it_in_between_does_not_agree() {
        assert_eq!(evicted(false), None);
        assert_eq!(evicted(true), Some(Property::EvictedByMany));
    }
}
