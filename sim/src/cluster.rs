//! A whole cluster in one simulated world: the driver and the HTTP API of production on each node, and clients around them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::{Request, Response};
use bytes::Bytes;
use causeway::{
    clock::TokenKeys,
    http::{Api, App, HttpMetrics, Limits},
    id::NodeId,
    message::Frame,
    node::{Settings, Status},
    placement::{Config, Founding, FoundingError},
    runtime::{
        Env, Handle, StartPlan,
        journal::{JournalError, JournalOptions},
        start, tell_members,
    },
    store::{FsyncPolicy, Identity},
};
use tokio::sync::oneshot;

use crate::{
    client::{ClientLink, NoAnswer, Way, serve},
    decisions::Decisions,
    streams::{Moment, Purpose, Streams},
    trace::{Entry, Keep, Trace},
    world::{Death, SimEnv, World},
};

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct ClusterPlan {
    /// How many nodes.
    pub nodes: u16,
    /// How many shards.
    pub shards: u16,
    /// How many more nodes may be added later.
    pub spares: u16,
    /// Whether its config can change.
    pub changing: Changing,
    /// The protocol's settings, the same on every node.
    pub settings: Settings,
    /// When a record counts as durable.
    pub fsync: FsyncPolicy,
    /// How long a log segment grows: small, so that runs see several.
    pub segment_bytes: u64,
    /// How much log makes a snapshot due: small, so that runs see some.
    pub snapshot_after_bytes: u64,
    /// How long a client waits for an answer.
    pub client_timeout_us: u64,
    /// How much text the trace keeps.
    pub keep: Keep,
}

/// Whether the config of a cluster can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changing {
    /// It cannot: there is no config log.
    Never,
    /// It can. One register that all nodes share stands for the config log.
    Online,
    /// It can, by the config log of production.
    Replicated,
}

impl Default for ClusterPlan {
    fn default() -> Self {
        Self {
            nodes: 6,
            shards: 2,
            spares: 0,
            changing: Changing::Never,
            settings: Settings::default(),
            fsync: FsyncPolicy::default(),
            segment_bytes: 64 << 10,
            snapshot_after_bytes: 256 << 10,
            client_timeout_us: 3_000_000,
            keep: Keep::Nothing,
        }
    }
}

impl ClusterPlan {
    /// Which node is a replica of what.
    ///
    /// # Errors
    /// No config can be made of so many nodes and shards.
    pub fn config(&self) -> Result<Config, FoundingError> {
        Config::found(&Founding { view: (0..self.nodes).map(address).collect(), shard_count: self.shards })
    }
}

/// What a client finds where a node should be.
#[derive(Default)]
enum Front {
    /// No process, or one that recovers.
    #[default]
    Closed,
    /// A process that listens.
    Open { handle: Handle, api: Api },
    /// The last process could not start.
    Failed(JournalError),
}

/// A cluster. Clients and the nemesis share it.
pub struct Cluster {
    world: Arc<World>,
    plan: ClusterPlan,
    first: Arc<Config>,
    pub(crate) decisions: Arc<Decisions>,
    fronts: Mutex<Vec<Front>>,
    clients: Mutex<Clients>,
}

struct Clients {
    links: Vec<ClientLink>,
    streams: Streams,
    moments: BTreeMap<(u32, NodeId, Way), Moment>,
}

impl Clients {
    /// How long a request or answer takes, or `None` when it is lost.
    fn travel_us(&mut self, (client, node, way): (u32, NodeId, Way), now_us: u64) -> Option<u64> {
        let count = self.moments.entry((client, node, way)).or_default().next(now_us);
        let key = [client.into(), node.0.into(), now_us, way as u64, count];
        self.links[row(node)].draw_us(way, self.streams.at(now_us).keyed(Purpose::Clients, key))
    }
}

impl Cluster {
    /// A cluster in a healthy world, none of whose nodes runs yet. Call it inside a madsim runtime.
    ///
    /// # Errors
    /// No config can be made of so many nodes and shards.
    pub fn found(plan: ClusterPlan, streams: Streams) -> Result<Arc<Self>, FoundingError> {
        let nodes = usize::from(plan.nodes + plan.spares);
        let first = Arc::new(plan.config()?);
        let mut trace = Trace::new(plan.keep);
        trace.describe_frames(describe);
        let mut fronts = vec![];
        fronts.resize_with(nodes, Front::default);
        let clients = Clients { links: vec![ClientLink::default(); nodes], streams, moments: BTreeMap::new() };
        let world = World::start(nodes, streams, trace);
        let decisions = Decisions::new(plan.changing, &world, streams, &first);
        Ok(Arc::new(Self { world, plan, first, decisions, fronts: Mutex::new(fronts), clients: Mutex::new(clients) }))
    }

    /// The world around it: for faults of links, clocks and disks.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// What it was made of.
    pub fn plan(&self) -> &ClusterPlan {
        &self.plan
    }

    /// The newest placement.
    pub fn config(&self) -> Arc<Config> {
        self.decisions.current()
    }

    /// All nodes of the newest placement, those that were removed too.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.config().members().len() as u32).map(NodeId)
    }

    /// All nodes that there may ever be.
    pub fn places(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::from(self.plan.nodes + self.plan.spares)).map(NodeId)
    }

    /// Starts a node's process, if none lives. It listens once it has recovered what is on its disk.
    pub fn start(self: &Arc<Self>, node: NodeId) {
        if !self.world.lives(node) && !self.world.is_closed() && self.config().member(node).is_some() {
            let env = self.world.boot(node);
            env.spawn(self.clone().boot(env.clone()));
        }
    }

    /// Ends a node's process, if one lives.
    pub fn end(&self, node: NodeId, death: Death) {
        self.set_front(node, Front::Closed);
        self.world.end(node, death);
    }

    /// Ends a node's process after it has made everything durable that it acknowledged.
    pub async fn stop(&self, node: NodeId) {
        if let Some(handle) = self.handle(node) {
            handle.stop().await;
        }
        self.end(node, Death::Kill);
    }

    /// Ends a node's process and empties its disk.
    pub fn wipe(&self, node: NodeId) {
        self.end(node, Death::Kill);
        self.world.wipe(node);
    }

    /// Ends the cluster and its world, so that their memory can be freed.
    pub async fn close(&self) {
        self.nodes().for_each(|node| self.end(node, Death::Kill));
        self.world.close();
        // madsim drops the tasks of who was killed when it comes to them, and wakes the world's own for the last time.
        madsim::time::sleep(Duration::from_secs(1)).await;
    }

    /// The way into a node that listens. A paused one does not answer.
    pub fn handle(&self, node: NodeId) -> Option<Handle> {
        match &self.fronts()[row(node)] {
            Front::Open { handle, .. } => Some(handle.clone()),
            Front::Closed | Front::Failed(_) => None,
        }
    }

    /// A node's state, unless it does not answer within a client's time.
    pub async fn status(&self, node: NodeId) -> Option<Status> {
        let handle = self.handle(node)?;
        tokio::select! {
            biased;
            status = handle.status() => status,
            () = self.world.sleep_us(self.plan.client_timeout_us) => None,
        }
    }

    /// Why a node's last process did not start, if it did not.
    pub fn start_failure(&self, node: NodeId) -> Option<String> {
        match &self.fronts()[row(node)] {
            Front::Failed(error) => Some(error.to_string()),
            Front::Open { .. } | Front::Closed => None,
        }
    }

    /// Changes what the way between clients and a node does.
    pub fn change_client_link(&self, node: NodeId, change: impl FnOnce(&mut ClientLink)) {
        let mut clients = self.clients();
        let link = &mut clients.links[row(node)];
        change(link);
        self.world.note(Entry::Fault(&format_args!("clients of {node}: {link}")));
    }

    /// Sends a client's request to a node and waits for the answer.
    ///
    /// # Errors
    /// No answer within the client's time.
    pub async fn request(&self, client: u32, node: NodeId, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.note(&format_args!("c{client} > {node}: {} {}", request.method(), request.uri()));
        let answer = tokio::select! {
            biased;
            answer = self.exchange(client, node, request) => answer,
            () = self.world.sleep_us(self.plan.client_timeout_us) => Err(NoAnswer::TimedOut),
        };
        match &answer {
            Ok(response) => self.note(&format_args!("{node} > c{client}: {}", response.status())),
            Err(why) => self.note(&format_args!("{node} > c{client}: {why}")),
        }
        answer
    }

    /// Sends an operator's request to a node and waits for the answer, however long that takes. Nothing is lost on the way.
    ///
    /// # Errors
    /// No process listens there, or it died with the request.
    pub async fn administer(&self, node: NodeId, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.note(&format_args!("operator > {node}: {} {}", request.method(), request.uri()));
        let answer = match self.accept(node, request) {
            Some(answer) => answer.await.map_err(|_| NoAnswer::Broken),
            None => Err(NoAnswer::Refused),
        };
        match &answer {
            Ok(response) => self.note(&format_args!("{node} > operator: {}", response.status())),
            Err(why) => self.note(&format_args!("{node} > operator: {why}")),
        }
        answer
    }

    /// There and back; never returns when something is lost on the way.
    async fn exchange(&self, client: u32, node: NodeId, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.travel(client, node, Way::There).await;
        let answer = match self.accept(node, request) {
            Some(answer) => answer.await.map_err(|_| NoAnswer::Broken),
            None => Err(NoAnswer::Refused),
        };
        self.travel(client, node, Way::Back).await;
        answer
    }

    /// Hands a request to a node's process; `None` when none listens.
    fn accept(&self, node: NodeId, request: Request<Bytes>) -> Option<oneshot::Receiver<Response<Bytes>>> {
        let api = match &self.fronts()[row(node)] {
            Front::Open { api, .. } => api.clone(),
            Front::Closed | Front::Failed(_) => return None,
        };
        let (reply, answer) = oneshot::channel();
        let turn = self.world.turn(node);
        self.world.spawn_on(node, async move {
            turn.await;
            // A client that gave up needs no answer.
            let _ = reply.send(serve(&api, request).await);
        });
        Some(answer)
    }

    async fn travel(&self, client: u32, node: NodeId, way: Way) {
        let now_us = self.world.now_us();
        let takes_us = self.clients().travel_us((client, node, way), now_us);
        match takes_us {
            Some(takes_us) => self.world.sleep_us(takes_us).await,
            None => std::future::pending().await,
        }
    }

    /// What a node's process does first.
    async fn boot(self: Arc<Self>, env: SimEnv) {
        let node = env.node();
        // Who was there from the start is given the same variables for ever.
        let config = if self.first.member(node).is_some() { self.first.clone() } else { self.config() };
        let Some(member) = config.member(node) else { return };
        let identity = Identity { cluster: config.cluster(), node: member.address.clone() };
        let journal = JournalOptions {
            policy: self.plan.fsync,
            segment_bytes: self.plan.segment_bytes,
            snapshot_after_bytes: self.plan.snapshot_after_bytes,
            ..JournalOptions::new(identity, 0)
        };
        let (changes, config_log) = self.decisions.attach(&env);
        let plan = StartPlan { config, changes, me: node, settings: self.plan.settings.clone(), journal, observed: true };
        let started = start(env.clone(), plan).await;
        if !env.lives() {
            return;
        }
        match started {
            Ok(started) => {
                config_log.iter().for_each(|log| tell_members(&env, log, &started.handle));
                let api = Api::new(App { config_log, ..self.app(env, started.handle.clone()) });
                self.set_front(node, Front::Open { handle: started.handle, api });
            }
            Err(error) => {
                self.world.note(Entry::Fault(&format_args!("{node} cannot start: {error}")));
                self.end(node, Death::Kill);
                self.set_front(node, Front::Failed(error));
            }
        }
    }

    fn app(&self, env: SimEnv, handle: Handle) -> App {
        App {
            handle,
            config_log: None,
            tokens: Arc::new(TokenKeys::default().of_cluster(self.first.cluster())),
            limits: Limits::default(),
            metrics: Arc::new(HttpMetrics::default()),
            clock: Arc::new(move || env.now().monotonic_us),
            more_metrics: None,
        }
    }

    fn note(&self, what: &dyn fmt::Display) {
        self.world.note(Entry::Client(what));
    }

    fn set_front(&self, node: NodeId, front: Front) {
        self.fronts()[row(node)] = front;
    }

    fn fronts(&self) -> MutexGuard<'_, Vec<Front>> {
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address of a node. Sorted as text they are sorted as numbers, so that the n-th node has the id n.
pub fn address(number: u16) -> String {
    format!("10.0.{}.{}:8090", 10 + number / 90, 10 + number % 90)
}

fn describe(frame: &[u8]) -> String {
    postcard::from_bytes(frame).map_or_else(|_| format!("{} bytes", frame.len()), |frame: Frame| frame.to_string())
}

fn row(node: NodeId) -> usize {
    node.0 as usize
}
