//! From the text of a file to a [`Scenario`]. What can be known to be wrong without telling the story is wrong here, with its line.

use std::{collections::BTreeMap, fmt};

use causeway::store::Key;

use super::{
    Line, Scenario, cluster_line,
    command::{Call, Command, DiskAct, LinkAct, Nodes, Patience, ProcessAct, SessionAct, Verb},
    links::{Links, known},
    operator,
    words::{Read, Words, node, span_ms},
};
use crate::world::{ClockChange, Death};

/// Words that begin a line and so are no session's name.
const RESERVED: [&str; 27] = [
    "cluster",
    "wait",
    "settle",
    "until",
    "cut",
    "hold",
    "delay",
    "duplicate",
    "release",
    "heal",
    "kill",
    "power-loss",
    "stop",
    "start",
    "wipe",
    "pause",
    "resume",
    "disk",
    "clock",
    "show",
    "view",
    "state",
    "where",
    "all",
    "clients",
    "newcomer",
    "operator",
];

/// Why a file is no scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// The line that is wrong, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ScenarioError {}

/// What is known of the story so far.
#[derive(Default)]
struct Parser {
    /// 0 until the cluster is founded.
    nodes: u16,
    /// Whether each session waits for an answer.
    sessions: BTreeMap<String, Awaits>,
    /// Under which name each value of a key was written.
    written: BTreeMap<(Key, String), Option<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Nothing,
    AnAnswer,
}

/// Reads a scenario.
///
/// # Errors
/// It does not begin with a comment that says why it is told, or a line means nothing.
pub(super) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let mut lines = (1..).zip(text.lines().map(str::trim)).peekable();
    let mut why = Vec::new();
    while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('#')) {
        why.push(line.trim_start_matches('#').trim().to_owned());
    }
    if why.iter().all(String::is_empty) {
        return Err(ScenarioError { line: 1, reason: "a scenario begins with a comment that says why it is told".to_owned() });
    }
    let mut parser = Parser::default();
    let mut told = Vec::new();
    let mut remarks = Vec::new();
    let mut last = 1;
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        last = number;
        if line.starts_with('#') {
            remarks.push(line.trim_start_matches('#').trim().to_owned());
            continue;
        }
        let command = parser.command(line).map_err(|reason| ScenarioError { line: number, reason })?;
        let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = if line.contains('"') { line.to_owned() } else { text };
        told.push(Line { remarks: std::mem::take(&mut remarks), text, command });
    }
    let ends_well = match (told.is_empty(), remarks.is_empty()) {
        (true, _) => Err("nothing happens"),
        (_, false) => Err("a comment stands before the line that it is about"),
        _ => Ok(Scenario { why, lines: told }),
    };
    ends_well.map_err(|reason| ScenarioError { line: last, reason: reason.to_owned() })
}

impl Parser {
    fn command(&mut self, line: &str) -> Read<Command> {
        let mut words = Words::of(line);
        let first = words.need("a command")?;
        if first == "cluster" {
            if self.nodes > 0 {
                return Err("there is a cluster already".to_owned());
            }
            let plan = cluster_line::read(&mut words)?;
            self.nodes = plan.nodes + plan.spares;
            return Ok(Command::Cluster(Box::new(plan)));
        }
        if self.nodes == 0 {
            return Err("the first command is `cluster nodes=...`".to_owned());
        }
        let command = if RESERVED.contains(&first) { self.world(first, &mut words)? } else { self.session(first, &mut words)? };
        words.end()?;
        Ok(command)
    }

    fn world(&self, first: &str, words: &mut Words<'_>) -> Read<Command> {
        Ok(match first {
            "wait" => Command::Wait(words.span_ms()?),
            "settle" => Command::Settle,
            "until" => operator::condition(words, self.nodes)?,
            operator::NAME => operator::read(words, self.nodes)?,
            "cut" => self.links(LinkAct::Cut, words)?,
            "hold" => self.links(LinkAct::Hold, words)?,
            "duplicate" => self.links(LinkAct::Duplicate, words)?,
            "delay" => {
                let act = LinkAct::Delay(words.span_ms()?);
                self.links(act, words)?
            }
            "heal" => self.links_or_all(LinkAct::Heal, words)?,
            "release" => self.links_or_all(LinkAct::Release, words)?,
            "kill" => self.processes(ProcessAct::End(Death::Kill), words)?,
            "power-loss" => self.processes(ProcessAct::End(Death::PowerLoss), words)?,
            "stop" => self.processes(ProcessAct::Stop, words)?,
            "start" => self.processes(ProcessAct::Start, words)?,
            "wipe" => self.processes(ProcessAct::Wipe, words)?,
            "pause" => self.processes(ProcessAct::Pause, words)?,
            "resume" => self.processes(ProcessAct::Resume, words)?,
            "disk" => {
                let nodes = self.nodes_before_the_rest(words)?;
                Command::Disks { act: disk_act(words)?, nodes }
            }
            "clock" => {
                let nodes = self.nodes_before_the_rest(words)?;
                Command::Clocks { change: clock_change(words)?, nodes }
            }
            "show" => {
                let key = words.need("a key")?.into();
                let nodes = if words.take_if("at") { Some(self.nodes(words)?) } else { None };
                Command::Show { key, nodes }
            }
            "view" => Command::View(self.nodes(words)?),
            "state" => Command::State(self.nodes(words)?),
            "where" => {
                let first = words.need("a key")?;
                Command::Where(std::iter::once(first).chain(words).map(Key::from).collect())
            }
            word => return Err(format!("`{word}` begins no line")),
        })
    }

    fn session(&mut self, session: &str, words: &mut Words<'_>) -> Read<Command> {
        if node(session).is_some() || !session.chars().all(|c| c.is_ascii_lowercase()) {
            return Err(format!("`{session}` is no command, and no name for a session: those are small letters"));
        }
        let awaits = self.sessions.get(session).copied().unwrap_or(Awaits::Nothing);
        let verb = words.need("what the session does")?;
        let act = match (verb, awaits) {
            ("waits", Awaits::AnAnswer) => SessionAct::Waits,
            ("waits", Awaits::Nothing) => return Err(format!("{session} has begun nothing")),
            (_, Awaits::AnAnswer) => return Err(format!("{session} is not answered yet: `{session} waits` comes first")),
            ("forgets", _) => SessionAct::Forgets,
            ("forges", _) => SessionAct::Forges,
            ("follows", _) => {
                let other = words.need("another session")?;
                if !self.sessions.contains_key(other) {
                    return Err(format!("{other} has done nothing yet"));
                }
                SessionAct::Follows(other.to_owned())
            }
            ("begins", _) => {
                let verb = words.need("what the session begins")?;
                return self.call(session, verb, words).map(|call| self.begin(call));
            }
            (verb, _) => return self.call(session, verb, words).map(Command::Call),
        };
        self.sessions.insert(session.to_owned(), Awaits::Nothing);
        Ok(Command::Session { session: session.to_owned(), act })
    }

    fn begin(&mut self, call: Call) -> Command {
        self.sessions.insert(call.session.clone(), Awaits::AnAnswer);
        Command::Call(Call { patience: Patience::GoesOn, ..call })
    }

    fn call(&mut self, session: &str, verb: &str, words: &mut Words<'_>) -> Read<Call> {
        if !["get", "put", "delete"].contains(&verb) {
            return Err(format!("`{verb}` is nothing that a session does"));
        }
        self.sessions.insert(session.to_owned(), Awaits::Nothing);
        let key: Key = words.need("a key")?.into();
        let verb = match verb {
            "get" => Verb::Get,
            "delete" => Verb::Delete,
            _ => Verb::Put(words.value()?),
        };
        words.expect("at")?;
        let node = known(words.need("a node")?, self.nodes)?;
        let name = if words.take_if("named") { Some(words.need("a name")?.to_owned()) } else { None };
        let write_concern = if words.take_if("concern") {
            words.number("how many nodes")?.try_into().map_err(|_| "a write concern is at most 255".to_owned())?
        } else {
            1
        };
        if let Verb::Put(value) = &verb {
            let written = (key.clone(), value.json().to_owned());
            if self.written.get(&written).is_some_and(|before| name.is_none() || *before != name) {
                return Err(format!("{key}={value} is written already: only what differs can be told apart when it is read"));
            }
            self.written.insert(written, name.clone());
        }
        if verb == Verb::Get && (name.is_some() || write_concern != 1) {
            return Err("only writes are named and have a concern".to_owned());
        }
        Ok(Call { session: session.to_owned(), node, key, verb, name, write_concern, patience: Patience::UntilAnswered })
    }

    fn links(&self, act: LinkAct, words: &mut Words<'_>) -> Read<Command> {
        let links = Links::read(words, self.nodes)?;
        if act != LinkAct::Cut && !links.of_clients.is_empty() {
            return Err("what clients send and are sent is cut, never held, delayed or doubled".to_owned());
        }
        Ok(Command::Links { act, links })
    }

    fn links_or_all(&self, act: LinkAct, words: &mut Words<'_>) -> Read<Command> {
        let all = words.peek().is_none();
        let links = if all { Links::all(self.nodes) } else { Links::read(words, self.nodes)? };
        Ok(Command::Links { act, links })
    }

    fn processes(&self, act: ProcessAct, words: &mut Words<'_>) -> Read<Command> {
        Ok(Command::Processes { act, nodes: self.nodes(words)? })
    }

    /// All nodes that are named from here to the end of the line.
    fn nodes(&self, words: &mut Words<'_>) -> Read<Nodes> {
        let nodes = self.nodes_before_the_rest(words)?;
        words.end()?;
        Ok(nodes)
    }

    fn nodes_before_the_rest(&self, words: &mut Words<'_>) -> Read<Nodes> {
        if words.take_if("all") {
            return Ok((0..self.nodes.into()).map(causeway::id::NodeId).collect());
        }
        let mut nodes = Nodes::from([known(words.need("a node")?, self.nodes)?]);
        while let Some(word) = words.peek().filter(|word| node(word).is_some()) {
            nodes.insert(known(word, self.nodes)?);
            words.next();
        }
        Ok(nodes)
    }
}

fn disk_act(words: &mut Words<'_>) -> Read<DiskAct> {
    let slow = |word: &str| word.strip_prefix('x').and_then(|digits| digits.parse().ok());
    Ok(match words.need("what is wrong with the disk")? {
        "full" => DiskAct::Full,
        "failing" => DiskAct::Failing,
        "healthy" => DiskAct::Healthy,
        "slow" => DiskAct::Slow(words.next().and_then(slow).ok_or("how slow is written `slow x100`")?),
        word => return Err(format!("a disk is full, failing, slow or healthy, not `{word}`")),
    })
}

/// `+2s`, `-500ms`, `+200ppm`.
fn clock_change(words: &mut Words<'_>) -> Read<ClockChange> {
    let word = words.need("what the clock does")?;
    let (sign, amount) = match word.split_at_checked(1) {
        Some(("+", amount)) => (1, amount),
        Some(("-", amount)) => (-1, amount),
        _ => return Err(format!("a clock goes `+2s`, `-500ms` or `+200ppm`, not `{word}`")),
    };
    let ppm = amount.strip_suffix("ppm").and_then(|digits| digits.parse::<u32>().ok());
    let jump = span_ms(amount).and_then(|ms| i64::try_from(ms).ok());
    match (ppm, jump) {
        (Some(ppm), _) => Ok(ClockChange::Drift { ppm: sign * i64::from(ppm) }),
        (_, Some(ms)) => Ok(ClockChange::Jump { by_ms: sign * ms }),
        _ => Err(format!("a clock goes `+2s`, `-500ms` or `+200ppm`, not `{word}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &str) -> Result<Scenario, ScenarioError> {
        parse(&format!("# Why.\n\ncluster nodes=4 shards=2\n{lines}"))
    }

    fn last(lines: &str) -> Command {
        told(lines).unwrap_or_else(|error| panic!("{error}")).lines.pop().expect("a line").command
    }

    #[test]
    fn a_line_is_what_it_says() {
        let Command::Call(call) = last("alice put album \"friends only\" at n3 named o-17 concern 2") else { panic!("no call") };
        assert_eq!((call.session.as_str(), call.node.0, &*call.key, call.write_concern), ("alice", 3, "album", 2));
        assert_eq!((call.name.as_deref(), call.patience), (Some("o-17"), Patience::UntilAnswered));
        assert!(matches!(call.verb, Verb::Put(value) if value.json() == "\"friends only\""));
        assert!(matches!(last("wait 2s"), Command::Wait(2_000)));
        assert!(matches!(last("cut n0 | rest"), Command::Links { act: LinkAct::Cut, links } if links.between_nodes.len() == 6));
        assert!(matches!(last("heal"), Command::Links { act: LinkAct::Heal, links } if links == Links::all(4)));
        assert!(matches!(last("kill n1 n2"), Command::Processes { nodes, .. } if nodes.len() == 2));
        assert!(matches!(last("disk all slow x100"), Command::Disks { act: DiskAct::Slow(100), nodes } if nodes.len() == 4));
        assert!(matches!(last("clock n0 -500ms"), Command::Clocks { change: ClockChange::Jump { by_ms: -500 }, .. }));
        assert!(matches!(last("clock n0 +200ppm"), Command::Clocks { change: ClockChange::Drift { ppm: 200 }, .. }));
        assert!(matches!(last("show x"), Command::Show { nodes: None, .. }));
        assert!(matches!(last("show x at n1"), Command::Show { nodes: Some(nodes), .. } if nodes.len() == 1));
    }

    #[test]
    fn remarks_go_with_the_line_below_them_and_spaces_do_not_matter() {
        let scenario = told("# Now.\n  # Here.\nwait   5ms\n\n").expect("a scenario");
        assert_eq!(scenario.why, ["Why."]);
        assert_eq!((scenario.lines[1].remarks.join(" "), scenario.lines[1].text.as_str()), ("Now. Here.".into(), "wait 5ms"));
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_line() {
        for (lines, reason) in [
            ("kill n4", "there is no n4: the cluster has n0 to n3"),
            ("kill", "a node is missing"),
            ("where", "a key is missing"),
            ("kill n1 now", "nothing is expected where `now` stands"),
            ("wait 5", "`5` is no time"),
            ("cluster nodes=3", "there is a cluster already"),
            ("explode n1", "`n1` is nothing that a session does"),
            ("Alice get x at n0", "`Alice` is no command"),
            ("alice put x beach at n0", "`beach` is no JSON value"),
            ("alice get x", "`at` is missing"),
            ("alice get x at n0 named y", "only writes are named"),
            ("alice put x 1 at n0 concern 300", "a write concern is at most 255"),
            ("alice waits", "alice has begun nothing"),
            ("alice follows bob", "bob has done nothing yet"),
            ("hold n0 > clients", "what clients send and are sent is cut"),
            ("disk n0 wet", "a disk is full, failing, slow or healthy"),
            ("disk n0 slow", "how slow is written"),
            ("clock n0 2s", "a clock goes"),
            ("# the end", "a comment stands before"),
        ] {
            let error = told(lines).expect_err(lines);
            assert!(error.line == 4 && error.reason.starts_with(reason), "{lines}: {error}");
        }
    }

    #[test]
    fn a_session_waits_before_it_goes_on_and_writes_each_value_once() {
        let error = told("alice begins get x at n0\nalice get y at n0").expect_err("not answered yet");
        assert_eq!(error.to_string(), "line 5: alice is not answered yet: `alice waits` comes first");
        assert!(told("alice begins get x at n0\nalice waits\nalice get y at n0").is_ok());
        assert!(told("alice put x 1 at n0\nbob put x 1 at n0").is_err_and(|error| error.reason.starts_with("x=1 is written")));
        assert!(told("alice put x 1 at n0 named o\nalice put x 1 at n1 named o").is_ok());
    }

    #[test]
    fn a_file_says_why_and_founds_a_cluster_first() {
        assert_eq!(parse("cluster nodes=3").map_err(|error| error.line).err(), Some(1));
        assert!(parse("# Why.\nwait 1s").is_err_and(|error| error.reason.starts_with("the first command")));
        assert!(parse("# Why.\n").is_err_and(|error| error.reason == "nothing happens"));
    }
}
