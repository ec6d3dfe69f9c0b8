//! One node behind its HTTP API, in a world without a network whose time passes only while everybody waits.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use axum::{body::Body, http::{Request, Uri}};
use bytes::Bytes;
use causeway::{
    clock::TokenKeys,
    http::{Api, App, HttpMetrics, KEY_PREFIX, Limits, decode_key, key_path},
    id::NodeId,
    node::{Now, Settings},
    placement::{Config, Founding},
    runtime::{
        Env, Incoming, Sent, StartPlan,
        journal::JournalOptions,
        start,
    },
    store::Identity,
};
use http_body_util::BodyExt;
use tokio::{runtime::Runtime, time::Instant};

#[expect(dead_code, reason = "the tests of the journal do more with it")]
#[path = "../../tests/journal/disk.rs"]
mod disk;

use disk::TestDisk;

const ADDRESS: &str = "10.0.0.1:8090";
const WALL_MS: u64 = 1_700_000_000_000;
/// The key that is put before anything else, and must be there in the end; requests that name it are left out.
const KEPT: &str = "kept apart";

/// What a client got.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    body: Bytes,
}

impl Answer {
    /// Whether the body is a JSON object that says in text what is wrong.
    pub fn is_an_error(&self) -> bool {
        let body: Option<BTreeMap<String, String>> = serde_json::from_slice(&self.body).ok();
        body.is_some_and(|body| body.contains_key("error"))
    }
}

/// A node with a client.
pub struct Web {
    runtime: Runtime,
    api: Api,
    /// What a session has seen that has put the key that is kept.
    metadata: String,
}

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

impl Web {
    /// A node alone in its cluster, that serves.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let api = runtime.block_on(serve());
        let mut web = Self { runtime, api, metadata: String::new() };
        let answer = web.send(Request::put(key_path(KEPT)), br#"{"value":1}"#).expect("a legal request");
        assert_eq!(answer.status, 201, "{answer:?}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        web.metadata = body["causal-metadata"].as_str().expect("text").to_owned();
        web
    }

    /// Has a request answered. What is no HTTP is not: it does not come as far as the API.
    pub fn ask(&self, line: &[u8], headers: &[u8], body: &[u8]) -> Option<Answer> {
        let line = str::from_utf8(line).ok()?;
        let (method, path) = line.split_once(' ')?;
        let uri: Uri = path.parse().ok()?;
        let key = uri.path().strip_prefix(KEY_PREFIX).and_then(|key| decode_key(key).ok());
        if key.is_some_and(|key| &*key == KEPT) {
            return None;
        }
        let mut request = Request::builder().method(method).uri(uri);
        for header in headers.split(|byte| *byte == b'\n') {
            let (name, value) = header.split_at(header.iter().position(|byte| *byte == b':')?);
            request = request.header(name, &value[1..]);
        }
        self.send(request, body)
    }

    /// What was put first is still there.
    pub fn goes_on(&self) {
        let body = serde_json::json!({ "causal-metadata": self.metadata }).to_string();
        let answer = self.send(Request::get(key_path(KEPT)), body.as_bytes()).expect("a legal request");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn send(&self, request: axum::http::request::Builder, body: &[u8]) -> Option<Answer> {
        let request = request.body(Body::from(body.to_vec())).ok()?;
        self.runtime.block_on(async {
            let response = self.api.answer(request).await;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("it is in memory").to_bytes();
            Some(Answer { status, body })
        })
    }
}

async fn serve() -> Api {
    let config = Config::found(&Founding { view: vec![ADDRESS.to_owned()], shard_count: 1 }).expect("one shard");
    let tokens = Arc::new(TokenKeys::default().of_cluster(config.cluster()));
    let env = Memory { disk: TestDisk::default(), began: Instant::now() };
    let plan = StartPlan {
        me: NodeId(0),
        changes: None,
        settings: Settings::default(),
        journal: JournalOptions::new(Identity { cluster: config.cluster(), node: ADDRESS.to_owned() }, 1),
        config: Arc::new(config),
        observed: false,
    };
    let started = start(env.clone(), plan).await.expect("an empty disk");
    let app = App {
        handle: started.handle,
        config_log: None,
        tokens,
        limits: Limits { max_value_bytes: 1_000, ..Limits::default() },
        metrics: Arc::new(HttpMetrics::default()),
        clock: Arc::new(move || env.now().monotonic_us),
        more_metrics: None,
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    Api::new(app)
}

/// A world of memory and of time that is skipped.
#[derive(Clone)]
struct Memory {
    disk: TestDisk,
    began: Instant,
}

impl Env for Memory {
    type Disk = TestDisk;

    fn now(&self) -> Now {
        let monotonic_us = self.began.elapsed().as_micros() as u64;
        Now { monotonic_us, wall_ms: WALL_MS + monotonic_us / 1_000 }
    }

    async fn sleep_until(&self, monotonic_us: u64) {
        tokio::time::sleep_until(self.began + Duration::from_micros(monotonic_us)).await;
    }

    fn random(&self) -> u64 {
        7
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn spawn_disk(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn send(&self, _to: NodeId, _frame: Bytes) -> Sent {
        Sent::Not
    }

    async fn receive(&self) -> Incoming {
        std::future::pending().await
    }

    fn disk(&self) -> TestDisk {
        self.disk.clone()
    }
}
