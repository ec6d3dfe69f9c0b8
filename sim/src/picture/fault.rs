//! What was done to the world, as it is drawn: on the lanes and between them, for as long as it lasted.

use serde::{Deserialize, Serialize};

use super::LaneId;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Whom it hit.
    pub affected: Affected,
    /// How it is drawn.
    pub look: Look,
    /// When it began.
    pub from_us: u64,
    /// When it ended; `None` when it lasts until the end of the scene. A fault of a moment ends when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
    /// What happened, in one line.
    #[serde(default)]
    pub text: String,
}

/// Whom a fault hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affected {
    /// These, each by itself.
    Lanes(Vec<LaneId>),
    /// What is sent from the first to the second of each pair.
    Links(Vec<(LaneId, LaneId)>),
    /// All that is sent from one group to another. A lane in no group is not affected.
    Groups(Vec<Vec<LaneId>>),
}

/// How a fault is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// The lane is not there: a hatched gap.
    Down,
    /// The lane is there and does nothing: a striped gap.
    Paused,
    /// Nothing passes: a band, and a cut line between neighbours that do not hear each other.
    Cut,
    /// What passes is late, repeated, damaged or out of order: a rail on the receiver's lane.
    Link,
    /// A clock is wrong: a flag at a moment, a rail for a time.
    Clock,
    /// A disk is slow, full or broken: a rail.
    Disk,
    /// Anything else: a rail.
    Other,
}

impl Fault {
    /// Lanes that are down.
    pub fn down(lanes: impl IntoIterator<Item = LaneId>, from_us: u64) -> Self {
        Self::on(lanes, Look::Down, from_us)
    }

    /// Lanes that do nothing.
    pub fn paused(lanes: impl IntoIterator<Item = LaneId>, from_us: u64) -> Self {
        Self::on(lanes, Look::Paused, from_us)
    }

    /// Groups of lanes between which nothing passes.
    pub fn cut(groups: impl IntoIterator<Item = Vec<LaneId>>, from_us: u64) -> Self {
        Self::new(Affected::Groups(groups.into_iter().collect()), Look::Cut, from_us)
    }

    /// Links, from and to, on which nothing passes.
    pub fn one_way(links: impl IntoIterator<Item = (LaneId, LaneId)>, from_us: u64) -> Self {
        Self::new(Affected::Links(links.into_iter().collect()), Look::Cut, from_us)
    }

    /// Links, from and to, that do not do what they should.
    pub fn links(links: impl IntoIterator<Item = (LaneId, LaneId)>, from_us: u64) -> Self {
        Self::new(Affected::Links(links.into_iter().collect()), Look::Link, from_us)
    }

    /// Lanes whose clock is wrong.
    pub fn clock(lanes: impl IntoIterator<Item = LaneId>, from_us: u64) -> Self {
        Self::on(lanes, Look::Clock, from_us)
    }

    /// Lanes whose disk is wrong.
    pub fn disk(lanes: impl IntoIterator<Item = LaneId>, from_us: u64) -> Self {
        Self::on(lanes, Look::Disk, from_us)
    }

    /// Anything else that hits lanes.
    pub fn other(lanes: impl IntoIterator<Item = LaneId>, from_us: u64) -> Self {
        Self::on(lanes, Look::Other, from_us)
    }

    /// When it ended.
    pub fn until(self, until_us: u64) -> Self {
        Self { until_us: Some(until_us), ..self }
    }

    /// It lasted no time.
    pub fn at_once(self) -> Self {
        Self { until_us: Some(self.from_us), ..self }
    }

    /// What happened.
    pub fn says(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    fn on(lanes: impl IntoIterator<Item = LaneId>, look: Look, from_us: u64) -> Self {
        Self::new(Affected::Lanes(lanes.into_iter().collect()), look, from_us)
    }

    fn new(affected: Affected, look: Look, from_us: u64) -> Self {
        Self { affected, look, from_us, until_us: None, text: String::new() }
    }
}
