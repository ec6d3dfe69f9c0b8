//! One client: it does one operation after another, carries its token, and moves between nodes.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use causeway::{
    http::{Client, ClientError, Outgoing},
    id::{NodeId, ShardId},
    store::{Key, OperationId},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time;

use super::{
    load::{Run, Tally, Tokens},
    pace::{Answered, Timing},
};
use crate::{
    checker::Answer,
    history::{Invocation, Kind, OpId, Outcome, SessionId},
};

/// Few, so that sessions meet on them.
const HOT_KEYS: u32 = 12;
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);
const ATTEMPTS: u8 = 4;
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// See the module.
pub struct Session {
    run: Arc<Run>,
    id: SessionId,
    random: ChaCha8Rng,
    clients: Vec<Client>,
    node: usize,
    token: Value,
    tally: Tally,
}

impl Session {
    /// A session that has seen nothing.
    pub fn new(run: Arc<Run>, id: SessionId, random: ChaCha8Rng) -> Self {
        let clients: Vec<Client> = run.addresses.iter().map(Client::new).collect();
        let node = usize::from(id.0) % clients.len();
        Self { run, id, random, clients, node, token: Value::Null, tally: Tally::default() }
    }

    /// Works until the run ends. Says what it was told.
    pub async fn work(mut self) -> Tally {
        while self.run.goes_on() {
            if self.random.random_bool(0.3) {
                self.node = self.random.random_range(0..self.clients.len());
            }
            let (key, kind) = (self.key(), self.kind());
            self.operate(key, kind).await;
            if !self.run.rest.is_zero() {
                time::sleep(self.run.rest).await;
            }
        }
        self.tally
    }

    /// Hot keys make conflicts, an own key shows a lost write at once, and a fresh one cannot be hidden by a later write.
    fn key(&mut self) -> Key {
        match self.random.random_range(0..10) {
            0 => format!("own-{}", self.id).into(),
            1 => format!("once-{}-{}", self.id, self.random.random::<u32>()).into(),
            _ => format!("hot-{}", self.random.random_range(0..HOT_KEYS)).into(),
        }
    }

    fn kind(&mut self) -> Kind {
        match self.random.random_range(0..10) {
            0 => Kind::Delete,
            1..=4 => Kind::Put,
            _ => Kind::Get,
        }
    }

    async fn operate(&mut self, key: Key, kind: Kind) {
        let name = (kind != Kind::Get).then(|| format!("{}-{}", self.id, self.random.random::<u64>()));
        let idempotency = name.as_ref().map(|name| OperationId(xxhash_rust::xxh3::xxh3_128(name.as_bytes())));
        let invocation = self.invocation(&key, kind, idempotency);
        let op = self.run.judge(|judge, _| judge.invoke(invocation));
        if kind == Kind::Put {
            self.run.note_key(&key);
        }
        for attempt in 1..=ATTEMPTS {
            let outgoing = self.outgoing(op, &key, kind, name.as_deref());
            let outcome = self.send(op, outgoing).await;
            let again = outcome == Outcome::Unknown && kind != Kind::Get && attempt < ATTEMPTS;
            if again {
                // Under its old name, elsewhere: the operation is one, however often it is sent.
                self.node = self.random.random_range(0..self.clients.len());
                self.run.judge(|judge, _| judge.retry(op));
                continue;
            }
            self.tally.count(outcome);
            if outcome == Outcome::NotApplied {
                self.node = self.random.random_range(0..self.clients.len());
                time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
            return;
        }
    }

    async fn send(&mut self, op: OpId, outgoing: Outgoing) -> Outcome {
        let (node, began) = (self.node, self.run.began.elapsed());
        let reply = self.clients[node].send(outgoing, ANSWER_DEADLINE).await;
        let (took, is_answered) = (self.run.began.elapsed() - began, reply.is_ok());
        let outcome = self.learn(op, reply);
        let answered = match outcome {
            _ if !is_answered => Answered::Never,
            Outcome::NotApplied | Outcome::Unknown | Outcome::Pending => Answered::Refused,
            Outcome::Found(_) | Outcome::Absent | Outcome::Created | Outcome::Overwrote => Answered::Done,
        };
        self.run.pace.note(Timing { node, began, took, answered });
        outcome
    }

    fn invocation(&self, key: &Key, kind: Kind, idempotency: Option<OperationId>) -> Invocation {
        let node = NodeId(self.node as u32);
        Invocation { session: self.id, node, key: key.clone(), kind, idempotency, at_us: self.run.at_us() }
    }

    fn outgoing(&self, op: OpId, key: &str, kind: Kind, name: Option<&str>) -> Outgoing {
        let mut body = json!({"causal-metadata": self.token});
        let method = match kind {
            Kind::Get => Method::GET,
            Kind::Delete => Method::DELETE,
            Kind::Put => {
                body["value"] = json!({"op": op.0});
                Method::PUT
            }
        };
        let outgoing = Outgoing::new(method, format!("/kvs/{key}")).json(&body);
        match name {
            Some(name) => outgoing.header("idempotency-key", name),
            None => outgoing,
        }
    }

    /// Has an answer judged, and takes over its token.
    fn learn(&mut self, op: OpId, reply: Result<(u16, Value), ClientError>) -> Outcome {
        let answer = match reply {
            Ok((status, body)) => read(status, &body),
            Err(error) if error.may_take_effect() => {
                self.run.judge(|judge, at_us| judge.gave_up(op, at_us));
                return Outcome::Unknown;
            }
            // Nobody listens there: as certain as a 503.
            Err(error) => Answer { status: 503, text: error.to_string(), found: None, token: None },
        };
        match self.run.judge(|judge, at_us| judge.answered(op, &answer, at_us)) {
            Ok(outcome) => {
                if let Some(token) = answer.token.filter(|_| self.run.tokens == Tokens::Carried) {
                    self.token = token.into();
                }
                outcome
            }
            Err(violation) => {
                self.run.blow(violation);
                Outcome::Unknown
            }
        }
    }
}

/// An answer as the judge reads it.
pub fn read(status: u16, body: &Value) -> Answer {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let shard_is_named = text("shard-id").is_some_and(|shard| shard.parse::<ShardId>().is_ok());
    let token = text("causal-metadata").filter(|_| shard_is_named);
    let found = OpId::of_value(body["value"].to_string().as_bytes());
    Answer { status, text: text("result").or_else(|| text("error")).unwrap_or_default(), found, token }
}
