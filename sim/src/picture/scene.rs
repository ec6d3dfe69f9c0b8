//! The input of every picture.
//!
//! A scene is made in the order in which it is told: lanes first, since everything else names them.
//!
//! ```
//! use causeway_sim::picture::{Edge, Operation, Scene, page};
//!
//! let mut scene = Scene::new("A read misses its own write");
//! let (alice, n0) = (scene.session("alice"), scene.node("n0", "s0"));
//! scene.operations.push(Operation::new(1, alice, n0, 1_000).put("x").answered(3_000, "created"));
//! scene.operations.push(Operation::new(2, alice, n0, 4_000).get("x").answered(5_000, "absent"));
//! scene.because(Edge::missing(alice.at(3_000), alice.at(4_000)), "alice reads x after her write and finds nothing.");
//! scene.red.operations = vec![1, 2];
//! assert!(page(&scene).starts_with("<!doctype html>"));
//! ```

use serde::{Deserialize, Serialize};

use super::{Fault, Message, Operation};

/// Kinds of messages and marks that are many and say little. A page hides them until they are asked for.
const BACKGROUND: [&str; 2] = ["gossip", "heartbeat"];

/// All that a picture shows. Times are microseconds since the start of the run; no field bounds another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scene {
    /// One line: what this is a picture of.
    pub title: String,
    /// What came of the run.
    #[serde(default)]
    pub verdict: Verdict,
    /// Names and values that say which run it was: seed, commit, mutant.
    #[serde(default)]
    pub about: Vec<(String, String)>,
    /// Who took part. [`LaneId`]s count these from 0.
    pub lanes: Vec<Lane>,
    /// What sessions asked for.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// What lanes said to each other.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// What happened inside a lane.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// What was done to the world.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Kinds of messages and marks that are hidden at first.
    #[serde(default)]
    pub background: Vec<String>,
    /// What does not hold. Empty when nothing is wrong.
    #[serde(default)]
    pub red: Red,
    /// What does not hold, in English.
    #[serde(default)]
    pub story: Vec<Sentence>,
    /// The plan of the run, as text.
    #[serde(default)]
    pub plan: String,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// Good, bad or neither.
    pub standing: Standing,
    /// In one line.
    pub text: String,
}

/// Whether a run is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nobody judged it.
    #[default]
    Unjudged,
    /// Nothing is wrong.
    Passed,
    /// Something is wrong.
    Failed,
}

/// One line of the diagram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// How it is called. Unique within a scene.
    pub name: String,
    /// Node or session.
    pub kind: LaneKind,
    /// What lanes are drawn together by, such as a node's shard. May be empty.
    #[serde(default)]
    pub group: String,
}

/// What a lane stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneKind {
    /// A process of the store.
    Node,
    /// A client that does one operation after another.
    Session,
}

/// A lane of the scene that made it. Whatever names a lane that is not there is left out of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneId(pub usize);

/// A place in the diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Where.
    pub lane: LaneId,
    /// When.
    pub at_us: u64,
}

/// Something that happened inside a lane at one moment: a record applied, a node recovered, a peer believed down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub lane: LaneId,
    /// When.
    pub at_us: u64,
    /// Of which kind. The newest mark of each kind and key is the state of a lane that a page shows.
    pub kind: String,
    /// Which key it is about, if about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it says, beyond kind and key.
    #[serde(default)]
    pub text: String,
}

/// The violated dependency.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Red {
    /// From cause to effect, in the order in which the story tells them.
    pub edges: Vec<Edge>,
    /// Operations that are part of it, by id.
    pub operations: Vec<u64>,
    /// Marks that are part of it, by their place in [`Scene::marks`].
    pub marks: Vec<usize>,
}

/// One step of the violated dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The cause.
    pub from: Point,
    /// The effect.
    pub to: Point,
    /// Whether it arose.
    pub bond: Bond,
    /// A few words to stand on the edge. May be empty.
    #[serde(default)]
    pub label: String,
}

/// Whether an effect saw its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bond {
    /// It did: this is why the last effect had to see the first cause.
    Arose,
    /// It had to and did not: this is what is wrong.
    Missing,
}

/// One sentence of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// In English, with its full stop.
    pub text: String,
    /// The edge that it tells of, by its place in [`Red::edges`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<usize>,
}

impl Scene {
    /// An empty stage.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), background: BACKGROUND.map(str::to_owned).into(), ..Self::default() }
    }

    /// Adds a node. Nodes of one group are drawn together; the group may be empty.
    pub fn node(&mut self, name: impl Into<String>, group: impl Into<String>) -> LaneId {
        self.lane(Lane { name: name.into(), kind: LaneKind::Node, group: group.into() })
    }

    /// Adds a session.
    pub fn session(&mut self, name: impl Into<String>) -> LaneId {
        self.lane(Lane { name: name.into(), kind: LaneKind::Session, group: String::new() })
    }

    /// Adds to what says which run it was.
    pub fn note(&mut self, name: impl Into<String>, value: impl ToString) {
        self.about.push((name.into(), value.to_string()));
    }

    /// Says what came of the run.
    pub fn judge(&mut self, standing: Standing, text: impl Into<String>) {
        self.verdict = Verdict { standing, text: text.into() };
    }

    /// Hides messages and marks of a kind until they are asked for.
    pub fn hide(&mut self, kind: impl Into<String>) {
        self.background.push(kind.into());
    }

    /// Adds an edge to the violated dependency, and the sentence that tells of it.
    pub fn because(&mut self, edge: Edge, sentence: impl Into<String>) {
        self.red.edges.push(edge);
        self.story.push(Sentence { text: sentence.into(), edge: Some(self.red.edges.len() - 1) });
    }

    /// Adds a sentence that tells of no edge: what leads in, or what follows.
    pub fn tell(&mut self, sentence: impl Into<String>) {
        self.story.push(Sentence { text: sentence.into(), edge: None });
    }

    /// A lane's name; empty for a lane of another scene.
    pub fn name(&self, lane: LaneId) -> &str {
        self.lanes.get(lane.0).map_or("", |lane| &lane.name)
    }

    fn lane(&mut self, lane: Lane) -> LaneId {
        self.lanes.push(lane);
        LaneId(self.lanes.len() - 1)
    }
}

impl LaneId {
    /// This lane at a moment.
    pub fn at(self, at_us: u64) -> Point {
        Point { lane: self, at_us }
    }
}

impl Mark {
    /// Something of a kind that happened here.
    pub fn new(at: Point, kind: impl Into<String>) -> Self {
        Self { lane: at.lane, at_us: at.at_us, kind: kind.into(), key: None, text: String::new() }
    }

    /// What it is about.
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// What it says.
    pub fn says(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }
}

impl Edge {
    /// A dependency that arose.
    pub fn arose(from: Point, to: Point) -> Self {
        Self { from, to, bond: Bond::Arose, label: String::new() }
    }

    /// A dependency that had to be seen and was not.
    pub fn missing(from: Point, to: Point) -> Self {
        Self { from, to, bond: Bond::Missing, label: String::new() }
    }

    /// Words to stand on it.
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }
}
