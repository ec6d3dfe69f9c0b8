//! From an account to its picture. Only the account is asked, so that one whose code is gone can be drawn too.
//!
//! An account has no times, so each step is drawn as long as every other, and within a step a request comes first, then what it
//! does at the node that was asked, then what it does elsewhere. Where a record came from is not told either: it is drawn from a
//! node that had it and could be heard.

mod broken;
mod spread;

use std::collections::BTreeMap;

use causeway::id::NodeId;

use super::{Account, Call, Command, Happening, Phrase, Scenario, SessionAct, Step, Verb};
use crate::picture::{LaneId, Mark, Operation, Scene};
use broken::Broken;
use spread::Spread;

/// How long a step is drawn.
const STEP_US: u64 = 1_000_000;
/// When in a step a request leaves its client.
const ASKED_US: u64 = 100_000;
/// When it reaches the node.
const SERVED_US: u64 = 350_000;
/// When the answer reaches the client.
const ANSWERED_US: u64 = 600_000;
/// When what happens elsewhere, or for no request, happens.
const ELSEWHERE_US: u64 = 800_000;

/// The picture of an account, and when each of its steps begins. `None` when its lines are no scenario that this program can read.
pub fn scene(title: &str, account: &Account) -> Option<Scene> {
    let scenario: Scenario = account.scenario().parse().ok()?;
    let mut drawing = Drawing::new(title, account, &scenario);
    for ((number, step), line) in (0..).zip(&account.steps).zip(&scenario.lines) {
        drawing.step(number * STEP_US, step, &line.command);
    }
    drawing.scene.plan = account.scenario();
    Some(drawing.scene)
}

/// When the step is drawn that a line of an account's text belongs to.
pub fn time_of_line(account: &Account, line: usize) -> u64 {
    let mut end = account.why.len();
    for (number, step) in (0..).zip(&account.steps) {
        end += step.to_string().lines().count();
        if line <= end {
            return number * STEP_US;
        }
    }
    account.steps.len() as u64 * STEP_US
}

struct Drawing {
    scene: Scene,
    nodes: BTreeMap<NodeId, LaneId>,
    sessions: BTreeMap<String, LaneId>,
    /// The operation that each session is not answered yet, by its place.
    pending: BTreeMap<String, usize>,
    broken: Broken,
    spread: Spread,
}

impl Drawing {
    fn new(title: &str, account: &Account, scenario: &Scenario) -> Self {
        let mut scene = Scene::new(title);
        account.why.split(String::is_empty).for_each(|paragraph| scene.tell(paragraph.join(" ")));
        scene.note("a second", "one step of the story");
        let count = scenario.lines.iter().find_map(|line| match &line.command {
            Command::Cluster(plan) => Some(plan.nodes + plan.spares),
            _ => None,
        });
        let shard = |node: NodeId| {
            let told = account.steps.first().map(|step| step.happenings.as_slice()).unwrap_or_default();
            told.iter().find_map(|happening| match &happening.phrase {
                Phrase::Holds(shard) if happening.nodes.contains(&node) => Some(shard.clone()),
                _ => None,
            })
        };
        let nodes = (0..count.unwrap_or_default()).map(|number| NodeId(number.into()));
        let nodes = nodes.map(|node| (node, scene.node(node.to_string(), shard(node).unwrap_or_default()))).collect();
        let mut drawing = Self {
            scene,
            nodes,
            sessions: BTreeMap::new(),
            pending: BTreeMap::new(),
            broken: Broken::default(),
            spread: Spread::default(),
        };
        for line in &scenario.lines {
            if let Command::Call(Call { session, .. }) | Command::Session { session, .. } = &line.command {
                drawing.sessions.entry(session.clone()).or_insert_with(|| drawing.scene.session(session.clone()));
            }
        }
        drawing
    }

    fn step(&mut self, at_us: u64, step: &Step, command: &Command) {
        self.broken.change(&mut self.scene, &self.nodes, at_us, (command, &step.command));
        match command {
            Command::Call(call) => self.call(at_us, call, &step.happenings),
            Command::Session { session, act } => self.session_acts(at_us, session, act),
            _ => {}
        }
        let asked = match command {
            Command::Call(call) if !matches!(call.verb, Verb::Get) => Some(call),
            _ => None,
        };
        for happening in &step.happenings {
            match &happening.phrase {
                Phrase::Answered { session, answer } => self.answered(at_us, session, answer),
                Phrase::Silent { session, why } => self.silent(at_us, session, why),
                phrase => {
                    self.spread.draw(&mut self.scene, &self.nodes, &self.broken, (at_us, asked, happening));
                    self.mark(at_us, happening, phrase);
                }
            }
        }
    }

    fn call(&mut self, at_us: u64, call: &Call, happenings: &[Happening]) {
        let (Some(session), Some(node)) = (self.sessions.get(&call.session), self.nodes.get(&call.node)) else { return };
        let operation = Operation::new(self.scene.operations.len() as u64, *session, *node, at_us + ASKED_US);
        let key = call.key.to_string();
        let operation = match &call.verb {
            Verb::Get => operation.get(key),
            Verb::Put(_) => operation.put(key),
            Verb::Delete => operation.delete(key),
        };
        let is_applied = happenings
            .iter()
            .any(|happening| matches!(happening.phrase, Phrase::Applied { .. }) && happening.nodes.contains(&call.node));
        let operation = if is_applied { operation.served(at_us + SERVED_US) } else { operation };
        self.pending.insert(call.session.clone(), self.scene.operations.len());
        self.scene.operations.push(operation);
    }

    fn answered(&mut self, at_us: u64, session: &str, answer: &str) {
        let Some(operation) = self.take_pending(session) else { return };
        let at_us = at_us + ANSWERED_US;
        let served_us = operation.served_us.unwrap_or(operation.begun_us.max(at_us - STEP_US) + SERVED_US - ASKED_US);
        let done = operation.clone().served(served_us);
        let status = answer.split(' ').next().unwrap_or_default();
        *operation = match status {
            "504" => done.unknown(at_us, answer),
            "200" | "201" | "404" => done.answered(at_us, answer),
            _ => done.refused(at_us, answer),
        };
    }

    fn silent(&mut self, at_us: u64, session: &str, why: &str) {
        let Some(operation) = self.take_pending(session) else { return };
        *operation = match why {
            "connection refused" => operation.clone().refused(at_us + ANSWERED_US, why),
            why => operation.clone().unknown(at_us + ANSWERED_US, why),
        };
    }

    fn take_pending(&mut self, session: &str) -> Option<&mut Operation> {
        let place = self.pending.remove(session)?;
        self.scene.operations.get_mut(place)
    }

    fn session_acts(&mut self, at_us: u64, session: &str, act: &SessionAct) {
        let Some(lane) = self.sessions.get(session) else { return };
        let says = match act {
            SessionAct::Waits => return,
            SessionAct::Forgets => "forgets what it has seen".to_owned(),
            SessionAct::Forges => "changes its token".to_owned(),
            SessionAct::Follows(other) => format!("goes on with the token of {other}"),
        };
        self.scene.marks.push(Mark::new(lane.at(at_us + ASKED_US), "token").says(says));
    }

    fn mark(&mut self, at_us: u64, happening: &Happening, phrase: &Phrase) {
        let (kind, at_us) = match phrase {
            Phrase::Applied { .. } | Phrase::TookOver(_) => return,
            Phrase::Holds(_) if at_us == 0 => return,
            Phrase::Holds(_) | Phrase::SetAside(_) => ("", at_us + ELSEWHERE_US),
            Phrase::Waited | Phrase::PassedOn | Phrase::Shows(_) | Phrase::CameBack { .. } => ("", at_us + SERVED_US),
            Phrase::CannotStart(_) => ("start", at_us + SERVED_US),
            Phrase::State(_) => ("state", at_us + SERVED_US),
            Phrase::Sees(_) | Phrase::LostSight(_) | Phrase::SawAgain(_) => ("view", at_us + ELSEWHERE_US),
            Phrase::StoppedWriting(_) | Phrase::TookWrites => ("writes", at_us + ELSEWHERE_US),
            _ => ("other", at_us + ELSEWHERE_US),
        };
        let text = phrase.to_string();
        // A mark is shown as its kind and its text.
        let (kind, says) = if kind.is_empty() { text.split_once(' ').unwrap_or((&text, "")) } else { (kind, text.as_str()) };
        for lane in happening.nodes.iter().filter_map(|node| self.nodes.get(node)) {
            self.scene.marks.push(Mark::new(lane.at(at_us), kind).says(says));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Ending, Fate};

    const TEXT: &str = "\
# Why.

cluster nodes=3
alice put x 1 at n0
  n0: answered alice 201 created
  n0 n1 n2: applied x=1
cut n0 | n1
cut n0 | n2
alice put x 2 at n0
  n0: answered alice 200 replaced
  n0: applied x=2
bob get x at n1
  n1: answered bob 200 x=1
heal
  n1 n2: applied x=2
kill n0
alice get x at n0
  n0: gave alice no answer: connection refused
";

    fn drawn() -> Scene {
        scene("a story", &Account::read(TEXT).expect("an account")).expect("a picture")
    }

    #[test]
    fn requests_are_drawn_with_what_came_of_them() {
        let endings: Vec<(Ending, String)> = drawn().operations.into_iter().map(|done| (done.ending, done.outcome)).collect();
        let expected = [
            (Ending::Answered, "201 created"),
            (Ending::Answered, "200 replaced"),
            (Ending::Answered, "200 x=1"),
            (Ending::Refused, "connection refused"),
        ];
        assert_eq!(endings, expected.map(|(ending, text)| (ending, text.to_owned())));
    }

    #[test]
    fn records_travel_from_who_has_them_to_who_gets_them() {
        let scene = drawn();
        let ways: Vec<String> = scene
            .messages
            .iter()
            .map(|message| {
                format!(
                    "{}>{} {} in step {}",
                    scene.name(message.from),
                    scene.name(message.to),
                    message.text,
                    message.sent_us / STEP_US
                )
            })
            .collect();
        assert_eq!(ways, ["n0>n1 x=1 in step 1", "n0>n2 x=1 in step 1", "n0>n1 x=2 in step 6", "n0>n2 x=2 in step 6"]);
        assert!(scene.messages.iter().all(|message| matches!(message.fate, Fate::Arrived(at_us) if at_us > message.sent_us)));
    }

    #[test]
    fn faults_last_until_they_are_mended() {
        let faults = drawn().faults;
        let spans: Vec<(u64, Option<u64>)> =
            faults.iter().map(|fault| (fault.from_us / STEP_US, fault.until_us.map(|until_us| until_us / STEP_US))).collect();
        assert_eq!(spans, [(2, Some(6)), (3, Some(6)), (7, None)]);
    }

    #[test]
    fn a_line_of_the_text_is_at_the_time_of_its_step() {
        let account = Account::read(TEXT).expect("an account");
        let steps: Vec<u64> = (0..TEXT.lines().count()).map(|line| time_of_line(&account, line) / STEP_US).collect();
        assert_eq!(steps, [0, 0, 0, 1, 1, 1, 2, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 8]);
    }

    #[test]
    fn an_account_in_another_language_is_not_drawn() {
        let account = Account::read("# Why.\n\nexplode everything\n").expect("an account of something");
        assert_eq!(scene("a story", &account), None);
    }
}
