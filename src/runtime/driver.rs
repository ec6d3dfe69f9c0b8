//! The one driver: feeds a node with what happens and does what it wants done. The only place with a `select!`.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{
    BackupCall, Call, Env, Handle, Incoming, Sent,
    journal::{self, JournalError, JournalOptions, JournalStats},
};
use crate::{
    id::{Epoch, Incarnation, NodeId, RequestId},
    message::{Envelope, Frame, Message},
    mutant::{Mutant, planted},
    node::{Effect, Input, JournalCommand, JournalEvent, Node, NodePlan, NotChanged, Reply, Settings},
    placement::{Change, Config},
    store::{Recovered, log::Finding},
};

/// How many calls and journal events are taken at once before their effects are done.
const BATCH: usize = 256;
/// How long a stopping node waits for what is on its way to the disk.
const STOP_PATIENCE_US: u64 = 5_000_000;
/// How many calls may wait for the driver; more are refused as overload.
const CALLS_BOUND: usize = 4_096;

/// What a node is started with.
#[derive(Debug)]
pub struct StartPlan {
    /// The placement.
    pub config: Arc<Config>,
    /// Which of its nodes this is.
    pub me: NodeId,
    /// The way to the config log, if there is one.
    pub changes: Option<Changes>,
    /// What an operator set about the protocol.
    pub settings: Settings,
    /// What an operator set about the disk. Its salt is drawn anew.
    pub journal: JournalOptions,
    /// Whether the world listens to [`Env::observe`].
    pub observed: bool,
}

/// The way between a node and its config log.
#[derive(Debug)]
pub struct Changes {
    /// What the node proposes.
    pub proposals: mpsc::UnboundedSender<Proposal>,
    /// Each new config, in order.
    pub configs: mpsc::UnboundedReceiver<Arc<Config>>,
    /// Where frames of the log's own go, if it has any.
    pub frames: Option<mpsc::UnboundedSender<(NodeId, Bytes)>>,
}

/// A change that a node proposes.
#[derive(Debug)]
pub struct Proposal {
    /// The epoch that it was thought of in.
    pub expected: Epoch,
    /// What to change.
    pub change: Change,
    /// Where the outcome goes.
    pub outcome: oneshot::Sender<Result<Epoch, NotChanged>>,
}

/// A node that runs.
#[derive(Debug, Clone)]
pub struct Started {
    /// The way into it.
    pub handle: Handle,
    /// What its journal counts.
    pub journal: Arc<JournalStats>,
    /// What was out of the ordinary on its disk.
    pub findings: Vec<Finding>,
}

/// Recovers what is on the disk and starts the node. The handle is ready at once; the node may still have to catch up.
///
/// # Errors
/// The data folder cannot be read, belongs to another node or cluster, or is in use.
pub async fn start<E: Env>(env: E, plan: StartPlan) -> Result<Started, JournalError> {
    let (commands, commands_out) = mpsc::unbounded_channel();
    let (events_in, events) = mpsc::unbounded_channel();
    let (recovered_in, recovered) = oneshot::channel();
    let options = JournalOptions { salt: env.random(), ..plan.journal };
    env.spawn_disk(run_journal(env.clone(), options, recovered_in, commands_out, events_in));
    let opened = recovered.await.unwrap_or(Err(JournalError::Gone))?;
    let (handle, calls) = Handle::new(plan.config.clone(), CALLS_BOUND);
    let (outcomes_in, outcomes) = mpsc::unbounded_channel();
    let incarnation = Incarnation(env.random());
    let node_plan = NodePlan {
        config: plan.config,
        me: plan.me,
        settings: plan.settings,
        incarnation,
        seed: env.random(),
        proposes: plan.changes.is_some(),
        observed: plan.observed,
    };
    let node = Node::new(node_plan, env.now(), opened.recovered);
    let driver = Driver {
        env: env.clone(),
        node,
        incarnation,
        handle: handle.clone(),
        commands,
        proposals: plan.changes.as_ref().map(|changes| changes.proposals.clone()),
        frames: plan.changes.as_ref().and_then(|changes| changes.frames.clone()),
        outcomes: outcomes_in,
        replies: BTreeMap::new(),
        next_request: 0,
        stopping: None,
    };
    let (configs_in, configs) = mpsc::unbounded_channel();
    let changed = Changed { configs: plan.changes.map_or(configs, |changes| changes.configs), outcomes, _kept: configs_in };
    env.spawn(driver.run(calls, events, changed));
    Ok(Started { handle, journal: opened.stats, findings: opened.findings })
}

/// What the journal's task found before it began.
struct Opened {
    recovered: Recovered,
    stats: Arc<JournalStats>,
    findings: Vec<Finding>,
}

/// Recovery and journal in one task, since their disk calls may block its thread.
async fn run_journal<E: Env>(
    env: E,
    options: JournalOptions,
    opened: oneshot::Sender<Result<Opened, JournalError>>,
    commands: mpsc::UnboundedReceiver<JournalCommand>,
    events: mpsc::UnboundedSender<JournalEvent>,
) {
    match journal::open(env.disk(), &options).await {
        Ok((journal, recovered)) => {
            let (stats, findings) = (journal.stats(), journal.findings().to_vec());
            if opened.send(Ok(Opened { recovered, stats, findings })).is_ok() {
                journal.run(env, commands, events).await;
            }
        }
        Err(error) => {
            let _ = opened.send(Err(error));
        }
    }
}

struct Driver<E: Env> {
    env: E,
    node: Node,
    incarnation: Incarnation,
    handle: Handle,
    proposals: Option<mpsc::UnboundedSender<Proposal>>,
    frames: Option<mpsc::UnboundedSender<(NodeId, Bytes)>>,
    outcomes: mpsc::UnboundedSender<(u64, Result<Epoch, NotChanged>)>,
    commands: mpsc::UnboundedSender<JournalCommand>,
    replies: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    next_request: u64,
    stopping: Option<Stopping>,
}

/// What comes back from the config log.
struct Changed {
    configs: mpsc::UnboundedReceiver<Arc<Config>>,
    outcomes: mpsc::UnboundedReceiver<(u64, Result<Epoch, NotChanged>)>,
    /// Without a config log its end of the channel is here, so that nothing ever comes.
    _kept: mpsc::UnboundedSender<Arc<Config>>,
}

struct Stopping {
    reply: oneshot::Sender<()>,
    until_us: u64,
}

impl<E: Env> Driver<E> {
    async fn run(
        mut self,
        mut calls: mpsc::Receiver<Call>,
        mut events: mpsc::UnboundedReceiver<JournalEvent>,
        mut changed: Changed,
    ) {
        self.do_effects();
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.input(Input::Journal(event)),
                    // Without its journal a node can promise nothing.
                    None => return,
                },
                Some(config) = changed.configs.recv() => self.input(Input::Config(config)),
                Some((number, outcome)) = changed.outcomes.recv() => self.input(Input::Proposed { number, outcome }),
                incoming = self.env.receive() => self.incoming(incoming),
                call = calls.recv() => match call {
                    Some(call) => self.call(call),
                    None => return,
                },
                () = self.env.sleep_until(self.node.deadline_us()) => {}
            }
            for _ in 0..BATCH {
                let Ok(event) = events.try_recv() else { break };
                self.input(Input::Journal(event));
            }
            for _ in 0..BATCH {
                let Ok(call) = calls.try_recv() else { break };
                self.call(call);
            }
            if self.env.now().monotonic_us >= self.node.deadline_us() {
                self.input(Input::Tick);
            }
            self.do_effects();
            if self.may_stop() {
                return self.end(events).await;
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.node.handle(self.env.now(), input);
    }

    fn incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Frame { from, bytes } => match read(&bytes) {
                Ok(Frame::Node(envelope)) => self.input(Input::Message { from, envelope }),
                Ok(Frame::ConfigLog(frame)) => {
                    if let Some(frames) = &self.frames {
                        // A config log that has ended hears nothing.
                        let _ = frames.send((from, frame));
                    }
                }
                // Its checksum was right: what cannot be read is of a build that this one does not know.
                Err(_) => {}
            },
            Incoming::LinkDown(node) => self.input(Input::LinkDown(node)),
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Request { request, reply } => {
                let id = RequestId(self.next_request);
                self.next_request += 1;
                self.replies.insert(id, reply);
                self.input(Input::Request { id, request });
            }
            Call::Status(reply) => {
                let _ = reply.send(self.node.status());
            }
            Call::SetAside(reply) => {
                let _ = reply.send(self.node.set_aside());
            }
            Call::Backup(call) => self.backup(call),
            Call::Stop(reply) => {
                self.node.stop();
                self.stopping = Some(Stopping { reply, until_us: self.env.now().monotonic_us + STOP_PATIENCE_US });
            }
        }
    }

    fn backup(&mut self, call: BackupCall) {
        let now = self.env.now();
        match call {
            BackupCall::Begin(at, reply) => {
                let _ = reply.send(self.node.begin_backup(now, at));
            }
            BackupCall::Part { at, from, bytes, reply } => {
                let _ = reply.send(self.node.backup_part(now, at, from, bytes));
            }
            BackupCall::End(at) => self.node.end_backup(at),
        }
    }

    fn do_effects(&mut self) {
        loop {
            let effects = self.node.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.do_effect(effect);
            }
        }
    }

    fn do_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => {
                let frame = Frame::Node(Envelope { epoch: self.node.epoch(), incarnation: self.incarnation, message });
                let Ok(bytes) = written(&frame) else { return };
                if self.env.send(to, Bytes::from(bytes)) == Sent::Not
                    && let Frame::Node(Envelope { message, .. }) = frame
                {
                    self.input(Input::NotSent { to, message });
                }
            }
            Effect::Reply { id, reply } => {
                if let Some(waiting) = self.replies.remove(&id) {
                    // A client that has gone away needs no answer.
                    let _ = waiting.send(reply);
                }
            }
            Effect::Journal(command) => {
                // A journal that is gone is noticed by its events.
                let _ = self.commands.send(command);
            }
            Effect::Propose { number, expected, change } => self.propose(number, expected, change),
            Effect::Adopted(config) => {
                self.env.adopted(&config);
                self.handle.adopted(config);
            }
            Effect::Observe(event) => self.env.observe(&event),
        }
    }

    fn propose(&self, number: u64, expected: Epoch, change: Change) {
        let (outcome, answer) = oneshot::channel();
        let outcomes = self.outcomes.clone();
        if let Some(proposals) = &self.proposals
            && proposals.send(Proposal { expected, change, outcome }).is_ok()
        {
            self.env.spawn(async move {
                let _ = outcomes.send((number, answer.await.unwrap_or(Err(NotChanged::Unknown))));
            });
        }
    }

    fn may_stop(&self) -> bool {
        let out_of_patience = |stopping: &Stopping| self.env.now().monotonic_us >= stopping.until_us;
        self.stopping.as_ref().is_some_and(|stopping| self.node.is_quiet() || out_of_patience(stopping))
    }

    /// Lets the journal make everything durable, and says so.
    fn end(self, mut events: mpsc::UnboundedReceiver<JournalEvent>) -> impl Future<Output = ()> + Send {
        drop(self.commands);
        let stopping = self.stopping;
        async move {
            while events.recv().await.is_some() {}
            if let Some(stopping) = stopping {
                let _ = stopping.reply.send(());
            }
        }
    }
}

/// What [`Mutant::MessageOfANewKind`] has stand before a message: the number of no kind of frame.
const NEW_KIND: u8 = 127;

fn written(frame: &Frame) -> postcard::Result<Vec<u8>> {
    let mut bytes = postcard::to_allocvec(frame)?;
    if planted(Mutant::MessageOfANewKind) && matches!(frame, Frame::Node(Envelope { message: Message::PullAnswer(_), .. })) {
        bytes.insert(0, NEW_KIND);
    }
    Ok(bytes)
}

fn read(bytes: &[u8]) -> postcard::Result<Frame> {
    let is_of_a_new_kind = planted(Mutant::MessageOfANewKind) && bytes.first() == Some(&NEW_KIND);
    postcard::from_bytes(if is_of_a_new_kind { &bytes[1..] } else { bytes })
}
