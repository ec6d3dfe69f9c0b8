//! A scene in the log format of ShiViz, the space-time viewer of the University of British Columbia.
//!
//! Source: Beschastnikh, Wang, Brun, Ernst, 'Debugging distributed systems', CACM 59(8), 2016, and the tool itself. The first line
//! of the file is the expression that it parses events with, the second separates executions and is empty, and then each event is
//! two lines: when and what, host and vector clock.
//!
//! ```text
//! (?<time>\S*) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})
//!
//! 0.001000 #1 put album
//! alice {"alice":1}
//! 0.001400 #1 put album
//! n0 {"alice":1,"n0":1}
//! ```
//!
//! The clocks follow from the scene alone. Every event of a lane raises the lane's own entry by one; a message carries the clock of
//! its sending, and its arrival joins it. An operation whose time at the node is known is two messages, there and back; otherwise
//! only its session knows of it. Lost messages are sent and arrive nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fate, LaneId, Mark, Message, Operation, Point, Scene};

/// How ShiViz finds the events in what follows.
const EXPRESSION: &str = r"(?<time>\S*) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// A vector clock: events seen of each host.
type Clock = BTreeMap<String, u64>;

/// The log of a scene, events in the order of their time and causes before effects.
pub fn shiviz(scene: &Scene) -> String {
    let hosts = hosts(scene);
    let mut log = format!("{EXPRESSION}\n\n");
    for Stamped { at_us, lane, clock, text } in stamped(scene, &hosts) {
        let clock = serde_json::to_string(&clock).expect("names and numbers can be written");
        let text: Vec<&str> = text.split_whitespace().collect();
        let (seconds, micros) = (at_us / 1_000_000, at_us % 1_000_000);
        log += &format!("{seconds}.{micros:06} {}\n{} {clock}\n", text.join(" "), hosts[lane.0]);
    }
    log
}

/// One event and when it happened by every clock.
struct Stamped {
    at_us: u64,
    lane: LaneId,
    clock: Clock,
    text: String,
}

/// One event that waits for its place.
struct Event {
    at_us: u64,
    lane: LaneId,
    part: Part,
    text: String,
}

/// What an event has to do with a message, by the message's number. In this order when they happen at one time and place: what
/// arrives is the cause of what is done and sent at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Arrives(usize),
    Alone,
    Leaves(usize),
}

/// The lanes' names as ShiViz can read them: without spaces, and each only once.
fn hosts(scene: &Scene) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for (number, lane) in scene.lanes.iter().enumerate() {
        let name: String = lane.name.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
        let taken = name.is_empty() || hosts.contains(&name);
        hosts.push(if taken { format!("{name}#{number}") } else { name });
    }
    hosts
}

/// Every event, in an order in which no message arrives before it leaves.
fn stamped(scene: &Scene, hosts: &[String]) -> Vec<Stamped> {
    let events = Events::of(scene).in_order();
    let mut clocks = vec![Clock::new(); hosts.len()];
    let mut sent: BTreeMap<usize, Clock> = BTreeMap::new();
    let stamp = |Event { at_us, lane, part, text }| {
        let clock = &mut clocks[lane.0];
        let arriving = if let Part::Arrives(number) = part { sent.remove(&number) } else { None };
        for (host, seen) in arriving.into_iter().flatten() {
            let known = clock.entry(host).or_default();
            *known = seen.max(*known);
        }
        *clock.entry(hosts[lane.0].clone()).or_default() += 1;
        let clock = clock.clone();
        if let Part::Leaves(number) = part {
            sent.insert(number, clock.clone());
        }
        Stamped { at_us, lane, clock, text }
    };
    events.into_iter().map(stamp).collect()
}

#[derive(Default)]
struct Events {
    events: Vec<Event>,
    messages: usize,
}

impl Events {
    fn of(scene: &Scene) -> Self {
        let mut events = Self::default();
        scene.messages.iter().for_each(|message| events.message(scene, message));
        scene.operations.iter().for_each(|operation| events.operation(operation));
        for Mark { lane, at_us, kind, key, text } in &scene.marks {
            events.alone(lane.at(*at_us), format!("{kind} {} {text}", key.as_deref().unwrap_or_default()));
        }
        events.events.retain(|event| event.lane.0 < scene.lanes.len());
        events
    }

    /// By time; but an arrival waits for its message to leave, however the scene has it.
    fn in_order(mut self) -> Vec<Event> {
        self.events.sort_by_key(|event| (event.at_us, event.part));
        let mut gone = BTreeSet::new();
        let mut early: BTreeMap<usize, Event> = BTreeMap::new();
        let mut ordered = Vec::with_capacity(self.events.len());
        for event in self.events {
            match event.part {
                Part::Arrives(number) if !gone.contains(&number) => drop(early.insert(number, event)),
                Part::Leaves(number) => {
                    gone.insert(number);
                    ordered.push(event);
                    ordered.extend(early.remove(&number));
                }
                Part::Arrives(_) | Part::Alone => ordered.push(event),
            }
        }
        ordered
    }

    fn message(&mut self, scene: &Scene, message: &Message) {
        let Message { from, to, sent_us, fate, kind, text, .. } = message;
        let leaves = format!("{kind} to {} {text}", scene.name(*to));
        match fate {
            Fate::Arrived(at_us) => {
                let arrives = format!("{kind} from {} {text}", scene.name(*from));
                self.hop([(from.at(*sent_us), leaves), (to.at(*at_us), arrives)]);
            }
            Fate::Lost(why) => self.alone(from.at(*sent_us), format!("{leaves}, lost: {why}")),
            Fate::UnderWay => self.alone(from.at(*sent_us), format!("{leaves}, under way")),
        }
    }

    fn operation(&mut self, operation: &Operation) {
        let Operation { id, session, node, kind, key, begun_us, outcome, .. } = operation;
        let asked = format!("#{id} {kind} {key}");
        let answered = format!("{asked} -> {outcome}");
        let begun = session.at(*begun_us);
        let ended = operation.ended_us.map(|at_us| session.at(at_us));
        let served = operation.served_us.map(|at_us| node.at(at_us));
        match served {
            Some(served) => self.hop([(begun, asked.clone()), (served, asked)]),
            None => self.alone(begun, asked),
        }
        match (served, ended) {
            (Some(served), Some(ended)) => self.hop([(served, answered.clone()), (ended, answered)]),
            (None, Some(ended)) => self.alone(ended, answered),
            (_, None) => {}
        }
    }

    fn hop(&mut self, [leaves, arrives]: [(Point, String); 2]) {
        let number = self.messages;
        self.messages += 1;
        self.add(leaves, Part::Leaves(number));
        self.add(arrives, Part::Arrives(number));
    }

    fn alone(&mut self, at: Point, text: String) {
        self.add((at, text), Part::Alone);
    }

    fn add(&mut self, (Point { lane, at_us }, text): (Point, String), part: Part) {
        self.events.push(Event { at_us, lane, part, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes and a session; a message of no time, one that the scene has arriving before it leaves, one lost.
    fn scene() -> Scene {
        let mut scene = Scene::new("clocks");
        let (alice, n0, n1) = (scene.session("alice b"), scene.node("n0", ""), scene.node("n1", ""));
        scene.operations.push(Operation::new(1, alice, n0, 10).put("x").served(20).answered(30, "created"));
        scene.operations.push(Operation::new(2, alice, n1, 30).get("x").unknown(90, "no answer\nin time"));
        scene.messages.push(Message::new(n0, n1, 20).kind("push").arrived(40));
        scene.messages.push(Message::new(n1, n0, 40).kind("ack").arrived(40));
        scene.messages.push(Message::new(n0, n1, 60).kind("early").arrived(50));
        scene.messages.push(Message::new(n1, n0, 70).kind("gossip").lost("cut"));
        scene.messages.push(Message::new(n1, LaneId(9), 70).kind("nowhere").arrived(71));
        scene.marks.push(Mark::new(n1.at(40), "applied").key("x"));
        scene
    }

    fn clock<'a>(stamped: &'a [Stamped], text: &str) -> Vec<&'a Clock> {
        stamped.iter().filter(|event| event.text.starts_with(text)).map(|event| &event.clock).collect()
    }

    fn is_below(one: &Clock, other: &Clock) -> bool {
        one != other && one.iter().all(|(host, seen)| other.get(host).is_some_and(|known| known >= seen))
    }

    #[test]
    fn a_hosts_own_entry_counts_its_events() {
        let scene = scene();
        let hosts = hosts(&scene);
        let mut counts = vec![0; hosts.len()];
        for event in stamped(&scene, &hosts) {
            counts[event.lane.0] += 1;
            assert_eq!(event.clock[&hosts[event.lane.0]], counts[event.lane.0], "{}", event.text);
        }
        assert_eq!(counts, [4, 5, 6]);
    }

    #[test]
    fn an_arrival_is_above_its_sending_and_concurrent_events_are_not_ordered() {
        let scene = scene();
        let stamped = stamped(&scene, &hosts(&scene));
        for text in ["#1 put x", "#1 put x ->", "push", "ack", "early"] {
            let clocks = clock(&stamped, text);
            assert!(is_below(clocks[0], clocks[1]), "{text}: {clocks:?}");
        }
        let (answer, push) = (clock(&stamped, "#1 put x ->")[1], clock(&stamped, "push from n0")[0]);
        assert!(!is_below(answer, push) && !is_below(push, answer));
    }

    #[test]
    fn what_arrives_and_what_is_answered_at_once_are_cause_and_effect() {
        let scene = scene();
        let stamped = stamped(&scene, &hosts(&scene));
        let [push, applied, ack] = ["push from n0", "applied x", "ack to n0"].map(|text| clock(&stamped, text)[0]);
        assert!(is_below(push, applied) && is_below(applied, ack), "{push:?} {applied:?} {ack:?}");
    }

    #[test]
    fn the_file_is_an_expression_an_empty_line_and_two_lines_an_event() {
        let log = shiviz(&scene());
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines[..2], [EXPRESSION, ""]);
        assert_eq!(lines[2..4], ["0.000010 #1 put x", r#"alice_b {"alice_b":1}"#]);
        assert_eq!(lines.len(), 2 + 2 * 15);
        assert!(log.contains("0.000090 #2 get x -> no answer in time\n"), "{log}");
    }

    #[test]
    fn two_lanes_of_one_name_are_two_hosts() {
        let mut scene = Scene::new("names");
        for name in ["n 0", "n_0", ""] {
            scene.node(name, "");
        }
        assert_eq!(hosts(&scene), ["n_0", "n_0#1", "#2"]);
    }
}
