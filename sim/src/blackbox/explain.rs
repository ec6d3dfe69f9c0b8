//! From what the offline checker found to a proof that a reader can follow: which read, which writes, and each step between them.

use std::collections::BTreeSet;

use super::{
    Action, Anomaly, Counterexample, Edge, Evidence, Finding, Guarantee, History, Malformed, Op, Rules, Step,
    offline::{Graph, Kind, Shown, Sources, Timelines, pairs},
};

/// A proof, and the transactions that it speaks of: mostly a history of them alone is wrong in the same way.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The proof.
    pub counterexample: Counterexample,
    /// Numbers in the history.
    pub transactions: BTreeSet<u32>,
}

/// Proves what was found in a history.
///
/// # Errors
/// As [`check`](super::check).
pub fn explain(history: &History, evidence: &Evidence) -> Result<Explained, Malformed> {
    let Ok(sources) = Sources::find(history, Rules::ALL)? else { return Ok(explain_alone(history, &evidence.finding)) };
    let timelines = Timelines::of(history);
    let graph = Graph { history, sources: &sources, timelines: &timelines, assigned: &evidence.assigned, order: &[] };
    let mut teller = Teller { graph, transactions: BTreeSet::new() };
    let mut counterexample = teller.finding(&evidence.finding);
    for (read, delete) in &evidence.assigned {
        let write = teller.graph.write_of(*delete, history.key(*read));
        counterexample.taken.extend(write.map(|write| (history.op(*read), history.op(write))));
        teller.transactions.extend([teller.reader(*read), *delete]);
    }
    Ok(Explained { counterexample, transactions: teller.transactions })
}

fn bare(anomaly: Anomaly, read: Option<Op>, write: Option<Op>) -> Counterexample {
    Counterexample { anomaly, read, write, steps: Vec::new(), taken: Vec::new() }
}

/// What is wrong whatever the order needs no steps.
fn explain_alone(history: &History, finding: &Finding) -> Explained {
    let (anomaly, read, write) = match finding {
        Finding::Aborted { read } => (Anomaly::AbortedRead, *read, None),
        Finding::Future { read } => (Anomaly::FutureRead, *read, None),
        Finding::Intermediate { read, write } => (Anomaly::IntermediateRead, *read, Some(*write)),
        Finding::NotOwn { read, own } => (Anomaly::OwnWriteUnread, *read, Some(*own)),
        Finding::ThinAir { read } => (Anomaly::ThinAirRead, *read, None),
        other => unreachable!("{other:?} is found only where every read saw some write"),
    };
    let transactions = [Some(read), write].into_iter().flatten().map(|operation| history.transaction_of(operation)).collect();
    let counterexample = bare(anomaly, Some(history.op(read)), write.map(|write| history.op(write)));
    Explained { counterexample, transactions }
}

/// A step between two transactions.
struct Link {
    from: u32,
    to: u32,
    step: Step,
}

struct Teller<'a> {
    graph: Graph<'a>,
    transactions: BTreeSet<u32>,
}

impl Teller<'_> {
    fn finding(&mut self, finding: &Finding) -> Counterexample {
        let history = self.graph.history;
        match finding {
            Finding::Initial { read, newer } => {
                let key = history.key(*read);
                let nearest = self.graph.path_from(|writer| self.graph.write_of(writer, key).is_some(), self.reader(*read));
                let newer = nearest.and_then(|(_, way)| way.first().copied()).unwrap_or(*newer);
                let anomaly = Anomaly::StaleInitialRead(self.guarantee(*read, newer));
                self.stale(anomaly, *read, newer)
            }
            Finding::Overwritten { read, newer } => self.overwritten(*read, *newer),
            Finding::CausalCycle { cycle } => {
                let steps = self.steps(cycle, cycle[0]);
                Counterexample { steps, ..bare(Anomaly::CausalCycle, None, None) }
            }
            Finding::OrderCycle { cycle } => self.order_cycle(cycle),
            Finding::NoTombstone { read, newer } => self.stale(Anomaly::UnexplainedAbsence, *read, *newer),
            alone => explain_alone(history, alone).counterexample,
        }
    }

    /// A read, and a newer write in its past.
    fn stale(&mut self, anomaly: Anomaly, read: usize, newer: u32) -> Counterexample {
        let history = self.graph.history;
        let reader = self.reader(read);
        let (_, way) = self.graph.path(newer, reader).unwrap_or_default();
        let mut steps = self.steps(&way, reader);
        let write = self.graph.write_of(newer, history.key(read)).map(|write| history.op(write));
        if let (Some(first), Some(write)) = (steps.first_mut().filter(|first| first.edge == Edge::Session), write) {
            first.from = write;
        }
        if let Some(last) = steps.last_mut().filter(|last| last.edge == Edge::Session) {
            last.to = history.op(read);
        }
        Counterexample { steps, ..bare(anomaly, Some(history.op(read)), write) }
    }

    /// As [`stale`](Self::stale), with the proof that what was read is the older one.
    fn overwritten(&mut self, read: usize, newer: u32) -> Counterexample {
        let anomaly = Anomaly::StaleRead(self.guarantee(read, newer));
        let writer = self.graph.writer(read);
        let older = writer.and_then(|writer| self.graph.path(writer, newer));
        let mut steps = older.map(|(_, way)| self.steps(&way, newer)).unwrap_or_default();
        self.transactions.extend(writer);
        let rest = self.stale(anomaly, read, newer);
        steps.extend(rest.steps);
        Counterexample { steps, ..rest }
    }

    fn order_cycle(&mut self, cycle: &[u32]) -> Counterexample {
        let ordered: Vec<_> = pairs(cycle, cycle[0]).filter(|(from, to)| self.cause(*from, *to).is_none()).collect();
        let shown: Vec<Shown> = ordered.iter().filter_map(|(from, to)| self.graph.shown(*from, *to)).collect();
        if let ([(newer, _)], [only]) = (ordered.as_slice(), shown.as_slice()) {
            return self.overwritten(only.read, *newer);
        }
        let anomaly = self.name_of_cycle(&shown);
        let steps = self.steps(cycle, cycle[0]);
        Counterexample { steps, ..bare(anomaly, None, None) }
    }

    /// Writes of one key that one session read there and back are its reads going back.
    fn name_of_cycle(&self, shown: &[Shown]) -> Anomaly {
        let readers: BTreeSet<u32> = shown.iter().map(|shown| self.reader(shown.read)).collect();
        let sessions: BTreeSet<u32> = readers.iter().map(|reader| self.graph.history.session_of(*reader)).collect();
        let keys: BTreeSet<u32> = shown.iter().map(|shown| shown.key).collect();
        match (readers.len(), sessions.len(), keys.len()) {
            (1, _, 1) => Anomaly::StaleRead(Guarantee::OneSnapshot),
            (_, 1, 1) => Anomaly::StaleRead(Guarantee::MonotonicReads),
            _ => Anomaly::CyclicArbitration,
        }
    }

    /// The weakest promise that would have kept a read from being stale.
    fn guarantee(&self, read: usize, newer: u32) -> Guarantee {
        let Graph { history, timelines, .. } = self.graph;
        let (reader, key) = (self.reader(read), history.key(read));
        let session = history.session_of(reader);
        if history.session_of(newer) == session && !history.is_unknown(newer) {
            return Guarantee::ReadYourWrites;
        }
        let earlier = || (0..history.place_of(reader)).map(|place| timelines.at(session, place));
        let reads = |transaction: u32| history.operations_of(transaction).filter(|at| history.action(*at) == Action::Read);
        let mut same_key = earlier().flat_map(reads).filter(|at| history.key(*at) == key);
        if same_key.any(|at| self.graph.writer(at).is_some_and(|seen| self.is_newer(seen, read, newer))) {
            return Guarantee::MonotonicReads;
        }
        if !timelines.before(history, reader).is_some_and(|before| self.is_cause(newer, before)) {
            return Guarantee::OneSnapshot;
        }
        let later_of_its_session = |writer: u32| {
            history.session_of(writer) == history.session_of(newer) && history.place_of(writer) > history.place_of(newer)
        };
        if earlier().flat_map(reads).any(|at| self.graph.writer(at).is_some_and(later_of_its_session)) {
            return Guarantee::MonotonicWrites;
        }
        Guarantee::WritesFollowReads
    }

    /// Whether a version is newer than what a read returned: it is the one in question, or later by its causes.
    fn is_newer(&self, seen: u32, read: usize, newer: u32) -> bool {
        seen == newer || self.graph.writer(read).is_none_or(|returned| returned != seen && self.is_cause(returned, seen))
    }

    fn is_cause(&self, from: u32, to: u32) -> bool {
        from == to || self.graph.path(from, to).is_some()
    }

    /// The steps of a way that ends at `end`, or is closed by it.
    fn steps(&mut self, way: &[u32], end: u32) -> Vec<Step> {
        let mut links = Vec::new();
        for (from, to) in pairs(way, end) {
            let step = self.cause(from, to).or_else(|| self.order_step(from, to));
            links.extend(step.map(|step| Link { from, to, step }));
        }
        self.tell(links)
    }

    /// Joins neighbouring steps of one session, and lets each step begin where the one before it ended.
    fn tell(&mut self, links: Vec<Link>) -> Vec<Step> {
        let mut told: Vec<Link> = Vec::new();
        for Link { from, to, step } in links {
            let is_session = step.edge == Edge::Session;
            match told.last_mut() {
                Some(last) if last.step.edge == Edge::Session && is_session => (last.to, last.step.to) = (to, step.to),
                Some(last) if is_session => {
                    let step = Step { from: last.step.to, ..step };
                    told.push(Link { from, to, step });
                }
                Some(last) => {
                    if last.step.edge == Edge::Session {
                        last.step.to = step.from;
                    }
                    told.push(Link { from, to, step });
                }
                None => told.push(Link { from, to, step }),
            }
        }
        self.transactions.extend(told.iter().flat_map(|link| [link.from, link.to]));
        told.into_iter().map(|link| link.step).collect()
    }

    /// Why one transaction is right before another, if it is a cause of it.
    fn cause(&self, from: u32, to: u32) -> Option<Step> {
        let history = self.graph.history;
        let first = |transaction: u32| history.op(history.operations_of(transaction).start);
        if self.graph.cause(from, to)? == Kind::Session {
            return Some(Step { edge: Edge::Session, from: first(from), to: first(to) });
        }
        let read = history.operations_of(to).find(|at| self.graph.writer(*at) == Some(from))?;
        let write = self.graph.write_of(from, history.key(read))?;
        Some(Step { edge: Edge::Reads, from: history.op(write), to: history.op(read) })
    }

    fn order_step(&mut self, from: u32, to: u32) -> Option<Step> {
        let shown = self.graph.shown(from, to)?;
        let history = self.graph.history;
        let reader = self.reader(shown.read);
        let causes = pairs(&shown.past, reader).filter_map(|(from, to)| Some(Link { from, to, step: self.cause(from, to)? }));
        let causes = causes.collect();
        let past = self.tell(causes);
        let (earlier, later) = (self.graph.write_of(from, shown.key)?, self.graph.write_of(to, shown.key)?);
        let edge = Edge::Order { read: history.op(shown.read), past };
        Some(Step { edge, from: history.op(earlier), to: history.op(later) })
    }

    fn reader(&self, read: usize) -> u32 {
        self.graph.history.transaction_of(read)
    }
}
