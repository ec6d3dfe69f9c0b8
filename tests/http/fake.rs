//! A node that answers as it is told and remembers what it was asked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{body::Body, http};
use bytes::Bytes;
use causeway::{
    clock::{Dot, Hlc, Token, TokenKeys},
    error::Refusal,
    http::{Api, App, Guard, HttpMetrics, Limits, MoreMetrics},
    id::{ActorId, Epoch, NodeId, ShardId},
    node::{Answer, BackupPart, Counters, KeyAnswer, NoBackup, Outcome, PeerStatus, Reply, Request, Status},
    placement::{Config, Founding},
    runtime::{BackupCall, Call, Handle},
    store::{SetAside, Value as StoredValue, Write},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::mpsc;

pub const SHARDS: u16 = 2;
pub const MAX_VALUE_BYTES: usize = 1_000;

/// The addresses of the six nodes, as `VIEW` would have them. Node `n` holds shard `n mod 2`.
pub fn addresses() -> Vec<String> {
    (1..=6).map(|n| format!("10.0.0.{n}:8090")).collect()
}

/// The config that follows from the addresses.
pub fn first_config() -> Config {
    Config::found(&Founding { view: addresses(), shard_count: SHARDS }).expect("a legal founding")
}

/// What the fake node knows.
struct Script {
    reply: Reply,
    status: Status,
    backup: Result<BackupPart, NoBackup>,
    asked: Vec<Request>,
}

/// An API and the fake node behind it.
pub struct Fake {
    pub api: Api,
    pub handle: Handle,
    pub tokens: Arc<TokenKeys>,
    app: App,
    script: Arc<Mutex<Script>>,
    request_us: Arc<AtomicU64>,
}

/// One answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Got {
    /// The body, which must be JSON and say so.
    pub fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The text of an error.
    pub fn error(&self) -> String {
        let body = self.json();
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{self:?}");
        body["error"].as_str().expect("an error is a string").to_owned()
    }
}

impl Fake {
    /// A node that answers every request with this.
    pub fn answering(reply: Reply) -> Self {
        Self::counting(reply, Arc::default())
    }

    /// The same, counting in metrics that others count in too.
    pub fn counting(reply: Reply, metrics: Arc<HttpMetrics>) -> Self {
        Self::working_by(first_config(), reply, metrics)
    }

    /// The same with another config.
    pub fn working_by(config: Config, reply: Reply, metrics: Arc<HttpMetrics>) -> Self {
        crate::logs::listen();
        let config = Arc::new(config);
        let (handle, calls) = Handle::new(config, 16);
        let script = Arc::new(Mutex::new(Script { reply, status: status(), backup: Err(NoBackup::Unknown), asked: Vec::new() }));
        tokio::spawn(serve(calls, script.clone()));
        let request_us = Arc::new(AtomicU64::new(1_000));
        let (now_us, step_us) = (AtomicU64::default(), request_us.clone());
        let more: MoreMetrics = Arc::new(|registry| {
            let syncs = prometheus_client::metrics::counter::ConstCounter::new(7u64);
            registry.register("fsyncs", "As the journal would add them", syncs);
        });
        let tokens = Arc::new(TokenKeys::default());
        let app = App {
            config_log: None,
            handle: handle.clone(),
            tokens: tokens.clone(),
            limits: Limits { max_value_bytes: MAX_VALUE_BYTES, ..Limits::default() },
            metrics,
            clock: Arc::new(move || now_us.fetch_add(step_us.load(Ordering::Relaxed), Ordering::Relaxed)),
            more_metrics: Some(more),
        };
        Self { api: Api::new(app.clone()), handle, tokens, app, script, request_us }
    }

    /// The same behind a guard.
    pub fn guarded_by(self, guard: Guard) -> Self {
        Self { api: Api::guarded(self.app.clone(), guard), ..self }
    }

    /// A node that refuses everything.
    pub fn refusing(refusal: Refusal) -> Self {
        Self::answering(Err(refusal))
    }

    /// A node that must not be asked.
    pub fn unasked() -> Self {
        Self::refusing(Refusal::NotSatisfied)
    }

    /// Changes what the node says of itself.
    pub fn with_status(self, change: impl FnOnce(&mut Status)) -> Self {
        change(&mut self.script.lock().unwrap().status);
        self
    }

    /// What the node gives for a backup.
    pub fn giving(self, backup: Result<BackupPart, NoBackup>) -> Self {
        self.script.lock().unwrap().backup = backup;
        self
    }

    /// How long each request takes from now on, by the clock that the API is given.
    pub fn takes_us(&self, request_us: u64) {
        self.request_us.store(request_us, Ordering::Relaxed);
    }

    /// What the node was asked since the last time.
    pub fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }

    /// A request with a body as it stands.
    pub async fn raw(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Got {
        let request = http::Request::builder().method(method).uri(path);
        self.call(request.body(Body::from(body.into())).expect("a legal request")).await
    }

    /// A request with a JSON body, or none for `null`.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> Got {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.raw(method, path, text).await
    }

    pub async fn call(&self, request: http::Request<Body>) -> Got {
        let response = self.api.answer(request).await;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Got { status: head.status.as_u16(), headers: head.headers, text }
    }
}

/// What a node answers that holds the key.
pub fn key_answer(outcome: Outcome) -> Reply {
    Ok(Answer::Key(KeyAnswer { shard: ShardId(1), token: token(77), outcome, has_gap: false }))
}

/// A token of a session that has seen one write.
pub fn token(hlc: u64) -> Token {
    Token::from_parts(Epoch { generation: 0, number: 1 }, Hlc(5), [Dot { actor: ActorId(3), hlc: Hlc(hlc) }])
}

fn status() -> Status {
    let peer = |n| PeerStatus {
        node: NodeId(n),
        up: true,
        suspected: false,
        lag_ms: (n % 2 == 0 && n > 0).then_some(1_500),
        clock_ahead_ms: -20,
        takes_writes: true,
        lacks_records: n == 2,
    };
    Status {
        node: NodeId(0),
        actor: ActorId(0),
        shard: Some(ShardId(0)),
        epoch: Epoch { generation: 0, number: 1 },
        serves: true,
        no_writes: None,
        peers: (0..6).map(peer).collect(),
        clock_ms: 2_501,
        stable: Hlc::from_millis(1),
        stable_lag_ms: 2_500,
        stable_culprit: Some(NodeId(2)),
        keys: 12,
        tombstones: 3,
        unstable_versions: 2,
        memory_bytes: 4_096,
        tail_bytes: 512,
        set_aside: 1,
        waiting: 1,
        transfer: None,
        progress: BTreeMap::new(),
        counters: Counters { gets: 42, tokens_ahead: 4, ..Counters::default() },
    }
}

/// A put and a delete that only the node had.
fn set_aside() -> SetAside {
    let write = |ms, value: Option<&'static str>| {
        let dot = Dot { actor: ActorId(3), hlc: Hlc::from_millis(ms) };
        let (epoch, past) = (Epoch::default(), Token::default());
        Arc::new(Write { dot, epoch, key: "k".into(), value: value.map(StoredValue::json), past, operation: None })
    };
    SetAside { actor: ActorId(3), cut: Some(Hlc(1)), writes: vec![write(7, Some("[1]")), write(8, None)], left_out: 4 }
}

async fn serve(mut calls: mpsc::Receiver<Call>, script: Arc<Mutex<Script>>) {
    while let Some(call) = calls.recv().await {
        let mut script = script.lock().unwrap();
        // Who asked may have gone away.
        match call {
            Call::Request { request, reply } => {
                script.asked.push(request);
                let _ = reply.send(script.reply.clone());
            }
            Call::Status(reply) => {
                let _ = reply.send(script.status.clone());
            }
            Call::SetAside(reply) => {
                let _ = reply.send(vec![set_aside()]);
            }
            Call::Backup(call) => match call {
                BackupCall::Begin(_, reply) => drop(reply.send(script.backup.clone().map(|part| part.shard))),
                BackupCall::Part { reply, .. } => drop(reply.send(script.backup.clone())),
                BackupCall::End(_) => {}
            },
            Call::Stop(reply) => {
                let _ = reply.send(());
            }
        }
    }
}
