//! The clients of a story: each has a name, a token, and at most one request under way.

use std::sync::{Arc, Mutex};

use axum::http::Response;
use bytes::Bytes;
use causeway::{id::NodeId, node::Counters, store::Key};
use madsim::task::JoinHandle;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    command::{Call, Patience, Verb},
    phrase::Phrase,
    play::{Stage, lock},
    value::Value,
};
use crate::{
    history::Kind,
    request::{KeyCall, forge},
};

/// The number under which a client that has seen nothing asks.
const NEWCOMER: u32 = u32::MAX;
const NEWCOMER_NAME: &str = "newcomer";

type Token = Arc<Mutex<Option<String>>>;

/// One client.
pub(super) struct Session {
    number: u32,
    token: Token,
    begun: Option<JoinHandle<()>>,
}

impl Session {
    /// A client that has seen nothing.
    pub fn new(number: u32) -> Self {
        Self { number, token: Token::default(), begun: None }
    }

    pub fn token(&self) -> Option<String> {
        lock(&self.token).clone()
    }

    pub fn set_token(&self, token: Option<String>) {
        *lock(&self.token) = token;
    }

    /// Changes a character in the middle of the token.
    pub fn forge(&self) {
        let forged = self.token().map(|token| forge(&token, token.len() / 2));
        self.set_token(forged);
    }

    /// Asks, and waits for the answer if the call says so.
    pub async fn call(&mut self, stage: Stage, call: Call) {
        let patience = call.patience;
        self.begun = Some(madsim::task::spawn(ask(stage, self.number, self.token.clone(), call)));
        if patience == Patience::UntilAnswered {
            self.wait().await;
        }
    }

    /// Waits for the answer to what was begun.
    pub async fn wait(&mut self) {
        if let Some(begun) = self.begun.take() {
            // A client that panicked has taken the whole simulation down.
            let _ = begun.await;
        }
    }
}

async fn ask(stage: Stage, number: u32, token: Token, call: Call) {
    let before = counters(&stage, call.node).await;
    let request = KeyCall {
        key: call.key.clone(),
        kind: match call.verb {
            Verb::Get => Kind::Get,
            Verb::Put(_) => Kind::Put,
            Verb::Delete => Kind::Delete,
        },
        value: if let Verb::Put(value) = &call.verb { value.json().to_owned() } else { String::new() },
        token: lock(&token).clone(),
        name: call.name.clone(),
        write_concern: call.write_concern,
    };
    let answer = stage.cluster.request(number, call.node, request.request()).await;
    let session = call.session.clone();
    let phrase = match answer {
        Ok(response) => {
            let (answer, new) = read(&call.key, &response);
            let mut token = lock(&token);
            *token = new.or_else(|| token.take());
            Phrase::Answered { session, answer }
        }
        Err(why) => Phrase::Silent { session, why: why.to_string() },
    };
    stage.say(call.node, phrase);
    if let (Some(before), Some(after)) = (before, counters(&stage, call.node).await) {
        say_detours(&stage, &call, before, after);
    }
}

/// What a node did for a request beside answering it.
fn say_detours(stage: &Stage, call: &Call, before: Counters, after: Counters) {
    let config = stage.cluster.config();
    let is_replica = config.replicas(config.shard_of(&call.key)).any(|member| member.node == call.node);
    if after.waits > before.waits {
        stage.say(call.node, Phrase::Waited);
    }
    if is_replica && after.forwards > before.forwards {
        stage.say(call.node, Phrase::PassedOn);
    }
}

async fn counters(stage: &Stage, node: NodeId) -> Option<Counters> {
    stage.status(node).await.ok().map(|status| status.counters)
}

/// What a client that has seen nothing is shown.
pub(super) async fn newcomer(stage: &Stage, node: NodeId, key: &str) -> Phrase {
    let request = KeyCall::get(key.into(), None).request();
    match stage.cluster.request(NEWCOMER, node, request).await {
        Ok(response) if response.status() == 404 => Phrase::Shows(format!("no {key}")),
        Ok(response) if response.status() == 200 => {
            let (answer, _) = read(&key.into(), &response);
            Phrase::Shows(answer.trim_start_matches("200 ").to_owned())
        }
        Ok(response) => Phrase::Answered { session: NEWCOMER_NAME.to_owned(), answer: read(&key.into(), &response).0 },
        Err(why) => Phrase::Silent { session: NEWCOMER_NAME.to_owned(), why: why.to_string() },
    }
}

/// An answer in words, and the token that came with it.
fn read(key: &Key, response: &Response<Bytes>) -> (String, Option<String>) {
    #[derive(Deserialize, Default)]
    struct Body<'a> {
        result: Option<String>,
        error: Option<String>,
        #[serde(borrow)]
        value: Option<&'a RawValue>,
        #[serde(rename = "causal-metadata")]
        token: Option<String>,
    }
    let body: Body<'_> = serde_json::from_slice(response.body()).unwrap_or_default();
    let what = match body.value {
        Some(value) => format!("{key}={}", Value::of_json(value.get())),
        None => body.error.or(body.result).unwrap_or_default(),
    };
    let gap = if response.headers().contains_key("causal-gap") { ", with a gap" } else { "" };
    (format!("{} {what}{gap}", response.status().as_u16()), body.token)
}
