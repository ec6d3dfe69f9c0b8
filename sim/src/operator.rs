//! Does what a plan says that operators do. Each request goes to its node over HTTP like any client's; where no process takes it, to
//! the next node. It is answered, or its node dies, and either is noted: a healed cluster owes everybody an answer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{Request as HttpRequest, Response};
use bytes::Bytes;
use causeway::id::{Epoch, NodeId};
use serde_json::Value;

use crate::{
    backup,
    checker::administered::Answer,
    client::NoAnswer,
    cluster::{Cluster, address},
    marks::{Sight, seen},
    plan::{Request, Wish},
    referee::Referee,
};

/// See the module.
pub struct Operator {
    cluster: Arc<Cluster>,
    referee: Arc<Referee>,
    /// Requests that are not answered yet, by their place in the plan.
    open: Mutex<BTreeMap<usize, Request>>,
}

impl Operator {
    /// An operator who has asked for nothing.
    pub fn new(cluster: Arc<Cluster>, referee: Arc<Referee>) -> Arc<Self> {
        Arc::new(Self { cluster, referee, open: Mutex::default() })
    }

    /// Makes all requests of a plan, each at its time, and returns when the last one is on its way.
    pub async fn run(self: Arc<Self>, requests: Vec<Request>) {
        let mut now_ms = 0;
        for (number, request) in requests.into_iter().enumerate() {
            self.cluster.world().sleep_us((request.at_ms - now_ms) * 1_000).await;
            now_ms = request.at_ms;
            self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, request.clone());
            madsim::task::spawn(self.clone().ask(number, request));
        }
    }

    /// How many requests are not answered.
    pub fn open(&self) -> u64 {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// A request that is not answered.
    pub fn unanswered(&self) -> Option<Request> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().next().cloned()
    }

    async fn ask(self: Arc<Self>, number: usize, request: Request) {
        match http_request(&request.wish) {
            Some(asked) => self.change(&request, asked).await,
            None => self.back_up(request.node).await,
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    async fn change(&self, request: &Request, asked: HttpRequest<Bytes>) {
        let nodes: Vec<NodeId> = self.cluster.nodes().collect();
        let first = nodes.iter().position(|node| *node == request.node).unwrap_or_default();
        let since = (self.cluster.config().epoch(), self.cluster.world().now_us());
        for turn in 0..nodes.len() {
            let node = nodes[(first + turn) % nodes.len()];
            match self.cluster.administer(node, asked.clone()).await {
                Ok(response) => {
                    self.answered(node, &request.wish, since, &response);
                    break;
                }
                // The node died with it: the change may be made or not, as with any lost answer.
                Err(NoAnswer::Broken | NoAnswer::TimedOut) => break,
                Err(NoAnswer::Refused) => {}
            }
        }
    }

    /// Takes a backup as `causeway backup` does, in one attempt: faults may end it, and what is whole is judged.
    async fn back_up(&self, node: NodeId) {
        if let Some(backup) = backup::take(&self.cluster, node).await {
            seen(Sight::BackedUp);
            self.referee.judge(|judge| judge.backed_up(&backup));
        }
    }

    fn answered(&self, node: NodeId, wish: &Wish, (asked_in, asked_us): (Epoch, u64), response: &Response<Bytes>) {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let text = body.get("result").or(body.get("error")).and_then(Value::as_str).unwrap_or_default();
        let (configs, in_doubt) = self.cluster.decisions.since(asked_in, asked_us, node).unzip();
        let in_doubt = in_doubt.unwrap_or_default();
        let answer = Answer { wish, status: response.status().as_u16(), text, configs: configs.as_deref(), in_doubt };
        self.referee.judge(|judge| judge.administered(&answer));
        if let Wish::AddNode { address: number } = wish {
            let config = self.cluster.config();
            if let Some(member) = config.by_address(&address(*number)) {
                self.cluster.start(member.node);
            }
        }
    }
}

/// The request that asks for it; none for what takes more than one.
pub(crate) fn http_request(wish: &Wish) -> Option<HttpRequest<Bytes>> {
    let (method, path, body) = wish.asked(address)?;
    let request = HttpRequest::builder().method(method).uri(path);
    Some(request.body(body.to_string().into()).expect("a request made of legal parts"))
}
