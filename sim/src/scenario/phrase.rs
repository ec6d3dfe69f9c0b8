//! What an account says that happened, in words that two runs share when nobody could tell them apart.

use std::{collections::BTreeSet, fmt};

use causeway::{
    id::NodeId,
    node::{PeerStatus, Status},
};

use super::words::node;

/// What some nodes did. The order of variants is the order of lines under a command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phrase {
    /// It had to wait for what a session had seen.
    Waited,
    /// It passed on a request that it could have answered itself.
    PassedOn,
    /// It answered a session.
    Answered {
        /// Whom.
        session: String,
        /// Status and what goes with it.
        answer: String,
    },
    /// It gave a session no answer.
    Silent {
        /// Whom.
        session: String,
        /// Why.
        why: String,
    },
    /// It shows this to who has seen nothing.
    Shows(String),
    /// It is a replica of a shard, or a key's shard.
    Holds(String),
    /// It believes these up.
    Sees(BTreeSet<NodeId>),
    /// What it keeps and whether it takes writes.
    State(String),
    /// It is up again, with what was on its disk.
    CameBack {
        /// Its keys and what they hold; none is an empty disk.
        with: BTreeSet<String>,
    },
    /// It did not start.
    CannotStart(String),
    /// A write became readable there.
    Applied {
        /// Which.
        what: String,
        /// What the key holds there after the step, where that is another write.
        shows: Option<String>,
    },
    /// A key's contents came whole from a peer.
    TookOver(String),
    /// A write that only it had when its actor was cut off is in a file of its own.
    SetAside(String),
    /// It takes no writes any more.
    StoppedWriting(String),
    /// It takes writes again.
    TookWrites,
    /// These left its view.
    LostSight(BTreeSet<NodeId>),
    /// These are in its view again.
    SawAgain(BTreeSet<NodeId>),
    /// Things went on happening for too long.
    NeverSettled,
    /// A line that was read and is none of these.
    Other(String),
}

/// One line of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Where.
    pub nodes: BTreeSet<NodeId>,
    /// What.
    pub phrase: Phrase,
}

impl Phrase {
    /// What a node says of itself.
    pub fn state(status: &Status) -> Self {
        let writes = status.no_writes.map_or("takes writes".to_owned(), |why| format!("takes no writes ({why})"));
        let serves = if status.serves { "" } else { ", has not caught up" };
        let count = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (keys, tombstones) = (count(status.keys, "key"), count(status.tombstones, "tombstone"));
        let unstable = if status.unstable_versions == 0 { "all stable" } else { "not all stable" };
        Self::State(format!("{writes}{serves}, {keys}, {tombstones}, {unstable}"))
    }

    /// Whom a node believes up.
    pub fn sees(status: &Status) -> Self {
        let up = |peer: &&PeerStatus| peer.up;
        Self::Sees(status.peers.iter().filter(up).map(|peer| peer.node).collect())
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn read(text: &str) -> Self {
        let known = match text {
            "waited for what it lacked" => Some(Self::Waited),
            "passed it on to a peer" => Some(Self::PassedOn),
            "took writes again" => Some(Self::TookWrites),
            "never settled" => Some(Self::NeverSettled),
            _ => None,
        };
        let after = |start: &str| text.strip_prefix(start);
        let nodes = |text: &str| text.split(' ').map(node).collect::<Option<BTreeSet<_>>>();
        let session = |text: &str| text.split_once(' ').map(|(session, rest)| (session.to_owned(), rest.to_owned()));
        let read = known
            .or_else(|| session(after("answered ")?).map(|(session, answer)| Self::Answered { session, answer }))
            .or_else(|| {
                let (session, why) = after("gave ")?.split_once(" no answer: ")?;
                Some(Self::Silent { session: session.to_owned(), why: why.to_owned() })
            })
            .or_else(|| after("applied ").map(applied))
            .or_else(|| after("took over ").map(|what| Self::TookOver(what.to_owned())))
            .or_else(|| after("set aside ").map(|what| Self::SetAside(what.to_owned())))
            .or_else(|| after("shows ").map(|what| Self::Shows(what.to_owned())))
            .or_else(|| after("holds ").map(|what| Self::Holds(what.to_owned())))
            .or_else(|| after("sees ").and_then(nodes).map(Self::Sees))
            .or_else(|| after("lost sight of ").and_then(nodes).map(Self::LostSight))
            .or_else(|| after("saw again ").and_then(nodes).map(Self::SawAgain))
            .or_else(|| after("came back with ").map(came_back))
            .or_else(|| after("cannot start: ").map(|why| Self::CannotStart(why.to_owned())))
            .or_else(|| after("stopped taking writes: ").map(|why| Self::StoppedWriting(why.to_owned())))
            .or_else(|| text.starts_with("takes ").then(|| Self::State(text.to_owned())));
        read.unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl Happening {
    /// Reads what [`Display`](fmt::Display) wrote; `None` when the line does not begin with nodes.
    pub fn read(line: &str) -> Option<Self> {
        let (nodes, text) = line.split_once(": ")?;
        let nodes = nodes.split(' ').map(node).collect::<Option<BTreeSet<_>>>()?;
        Some(Self { nodes, phrase: Phrase::read(text) })
    }
}

fn applied(text: &str) -> Phrase {
    match text.split_once(", shows ") {
        Some((what, shows)) => Phrase::Applied { what: what.to_owned(), shows: Some(shows.to_owned()) },
        None => Phrase::Applied { what: text.to_owned(), shows: None },
    }
}

fn came_back(text: &str) -> Phrase {
    let with = text.split(", ").filter(|what| *what != NOTHING).map(str::to_owned).collect();
    Phrase::CameBack { with }
}

/// What an empty disk holds.
const NOTHING: &str = "nothing";

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", list(&self.nodes, " "), self.phrase)
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waited => f.write_str("waited for what it lacked"),
            Self::PassedOn => f.write_str("passed it on to a peer"),
            Self::Answered { session, answer } => write!(f, "answered {session} {answer}"),
            Self::Silent { session, why } => write!(f, "gave {session} no answer: {why}"),
            Self::SetAside(what) => write!(f, "set aside {what}"),
            Self::Shows(what) => write!(f, "shows {what}"),
            Self::Holds(what) => write!(f, "holds {what}"),
            Self::Sees(nodes) => write!(f, "sees {}", list(nodes, " ")),
            Self::State(state) => f.write_str(state),
            Self::CameBack { with } if with.is_empty() => write!(f, "came back with {NOTHING}"),
            Self::CameBack { with } => write!(f, "came back with {}", list(with, ", ")),
            Self::CannotStart(why) => write!(f, "cannot start: {why}"),
            Self::Applied { what, shows: None } => write!(f, "applied {what}"),
            Self::Applied { what, shows: Some(other) } => write!(f, "applied {what}, shows {other}"),
            Self::TookOver(what) => write!(f, "took over {what}"),
            Self::StoppedWriting(why) => write!(f, "stopped taking writes: {why}"),
            Self::TookWrites => f.write_str("took writes again"),
            Self::LostSight(nodes) => write!(f, "lost sight of {}", list(nodes, " ")),
            Self::SawAgain(nodes) => write!(f, "saw again {}", list(nodes, " ")),
            Self::NeverSettled => f.write_str("never settled"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

fn list<T: fmt::Display>(items: &BTreeSet<T>, between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_is_read_as_it_was_written() {
        let nodes = BTreeSet::from([NodeId(0), NodeId(12)]);
        let text = |text: &str| text.to_owned();
        let phrases = [
            Phrase::Waited,
            Phrase::PassedOn,
            Phrase::Answered { session: text("alice"), answer: text("200 album=\"friends only\"") },
            Phrase::Silent { session: text("bob"), why: text("connection refused") },
            Phrase::Shows(text("x=1")),
            Phrase::Holds(text("s0")),
            Phrase::Sees(nodes.clone()),
            Phrase::State(text("takes writes, 1 key, 0 tombstones, all stable")),
            Phrase::CameBack { with: BTreeSet::new() },
            Phrase::CameBack { with: BTreeSet::from([text("x=1"), text("y deleted")]) },
            Phrase::CannotStart(text("why")),
            Phrase::Applied { what: text("x=1"), shows: None },
            Phrase::Applied { what: text("x=1"), shows: Some(text("x=2")) },
            Phrase::TookOver(text("x=1")),
            Phrase::StoppedWriting(text("clock_ahead")),
            Phrase::TookWrites,
            Phrase::LostSight(nodes.clone()),
            Phrase::SawAgain(nodes.clone()),
            Phrase::NeverSettled,
            Phrase::Other(text("did something that later versions do not know")),
        ];
        for phrase in phrases {
            let happening = Happening { nodes: nodes.clone(), phrase };
            assert_eq!(Happening::read(&happening.to_string()), Some(happening));
        }
        assert_eq!(Happening::read("somebody did something"), None);
    }
}
