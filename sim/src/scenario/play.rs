//! Tells a scenario: does one line after another to a simulated cluster, and lets each have its effect before the next.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::{id::NodeId, mutant::Mutant, node::Status};
use madsim::task::JoinHandle;

use super::{
    Line, Scenario,
    account::{Account, Step},
    command::{Command, Condition, DiskAct, LinkAct, Nodes, Patience, ProcessAct, SessionAct},
    links::Links,
    notes::Notes,
    operator,
    phrase::Phrase,
    session::{Session, newcomer},
};
use crate::{
    client::NoAnswer,
    cluster::{Cluster, ClusterPlan},
    seeded::run_seeded,
    streams::Streams,
    world::{DiskSettings, Flow, Link, Syncs},
};

/// How long a new cluster has until the story begins.
const FOUNDING_MS: u64 = 1_000;
/// How long a command has for what it causes at once: many times what a frame and a sync take, and half of the shortest time after
/// which a node suspects another.
const EFFECT_MS: u64 = 250;
/// Between two looks at the newest config: less than a node needs to do anything about it.
const LOOK_AT_CONFIG_MS: u64 = 1;
/// Between two looks at whether anything happens.
const LOOK_AGAIN_MS: u64 = 250;
/// How much longer than the longest timer of a node it must be quiet.
const QUIET_MS: u64 = 1_000;
/// When a story that never becomes quiet goes on.
const PATIENCE_MS: u64 = 60_000;
/// How long a node may take to say how it is: one that does not is paused.
const STATUS_MS: u64 = 20;

/// What is left to chance when a scenario is told. An account does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Seed of all random streams.
    pub seed: u64,
    /// How long a frame takes between two nodes, in microseconds: drawn evenly for each.
    pub latency_us: RangeInclusive<u64>,
    /// A bug to plant. The account may depend on that.
    pub mutant: Option<Mutant>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { seed: 1, latency_us: Link::default().latency_us, mutant: None }
    }
}

/// Tells a scenario on a thread of its own.
///
/// # Panics
/// When the cluster does.
pub fn tell(scenario: &Scenario, conditions: &Conditions) -> Account {
    let (lines, conditions) = (scenario.lines.clone(), conditions.clone());
    let steps = run_seeded(conditions.seed, conditions.mutant, move |streams| play(lines, conditions, streams));
    Account { why: scenario.why.clone(), steps }
}

async fn play(lines: Vec<Line>, conditions: Conditions, streams: Streams) -> Vec<Step> {
    let mut player = None;
    let mut steps = Vec::new();
    for Line { remarks, text, command } in lines {
        match (command, &mut player) {
            (Command::Cluster(plan), player) => *player = Some(Player::found(*plan, &conditions, streams).await),
            (command, Some(player)) => player.perform(command).await,
            (_, None) => unreachable!("the first line of a scenario founds the cluster"),
        }
        let happenings = player.as_ref().map(|player| lock(&player.stage.notes).take()).unwrap_or_default();
        steps.push(Step { remarks, command: text, happenings });
    }
    steps
}

/// What the player and the sessions share.
#[derive(Clone)]
pub(super) struct Stage {
    pub cluster: Arc<Cluster>,
    pub notes: Arc<Mutex<Notes>>,
}

struct Player {
    stage: Stage,
    latency_us: RangeInclusive<u64>,
    sessions: BTreeMap<String, Session>,
    /// What operators are not answered yet.
    administering: Vec<JoinHandle<()>>,
}

impl Stage {
    pub fn say(&self, node: NodeId, phrase: Phrase) {
        lock(&self.notes).say(node, phrase);
    }

    /// How a node is.
    pub async fn status(&self, node: NodeId) -> Result<Status, NoAnswer> {
        let handle = self.cluster.handle(node).ok_or(NoAnswer::Refused)?;
        tokio::select! {
            biased;
            status = handle.status() => status.ok_or(NoAnswer::Broken),
            () = self.sleep_ms(STATUS_MS) => Err(NoAnswer::TimedOut),
        }
    }

    async fn sleep_ms(&self, ms: u64) {
        self.cluster.world().sleep_us(ms * 1_000).await;
    }
}

impl Player {
    async fn found(plan: ClusterPlan, conditions: &Conditions, streams: Streams) -> Self {
        let cluster = Cluster::found(plan, streams).expect("a scenario's cluster was tried when it was read");
        let notes = Arc::new(Mutex::new(Notes::of(&cluster.config())));
        cluster.world().observe_with(notes.clone());
        let stage = Stage { cluster, notes };
        let player =
            Self { stage, latency_us: conditions.latency_us.clone(), sessions: BTreeMap::new(), administering: Vec::new() };
        let Stage { cluster, notes } = &player.stage;
        cluster.world().change_links(|_, _, link| *link = player.healthy());
        cluster.nodes().for_each(|node| cluster.start(node));
        player.stage.sleep_ms(FOUNDING_MS).await;
        drop(lock(notes).take());
        let config = cluster.config();
        if config.shards().count() > 1 {
            for actor in config.actors() {
                player.stage.say(actor.node, Phrase::Holds(actor.shard.to_string()));
            }
        }
        player
    }

    async fn perform(&mut self, command: Command) {
        match command {
            Command::Cluster(_) => unreachable!("a scenario founds one cluster"),
            Command::Wait(ms) => return self.stage.sleep_ms(ms).await,
            Command::Settle => return self.settle().await,
            Command::Show { key, nodes } => return self.show(&key, nodes).await,
            Command::View(nodes) => return self.ask_for(nodes, Phrase::sees).await,
            Command::State(nodes) => return self.ask_for(nodes, Phrase::state).await,
            Command::Where(keys) => return keys.iter().for_each(|key| self.locate(key)),
            Command::Session { session, act } => self.session_acts(session, act).await,
            Command::Call(call) => {
                let next = self.sessions.len() as u32;
                let session = self.sessions.entry(call.session.clone()).or_insert_with(|| Session::new(next));
                session.call(self.stage.clone(), call).await;
            }
            Command::Until(condition) => return self.until(condition).await,
            Command::Administer { node, wish, patience } => {
                self.administering.push(madsim::task::spawn(operator::ask(self.stage.clone(), node, wish)));
                match patience {
                    Patience::UntilAnswered => self.operator_waits().await,
                    Patience::GoesOn => return,
                }
            }
            Command::OperatorWaits => self.operator_waits().await,
            Command::Links { act, links } => self.change_links(act, &links),
            Command::Processes { act, nodes } => self.change_processes(act, &nodes).await,
            Command::Disks { act, nodes } => nodes.iter().for_each(|node| self.change_disk(act, *node)),
            Command::Clocks { change, nodes } => {
                nodes.iter().for_each(|node| self.stage.cluster.world().change_clock(*node, change));
            }
        }
        self.stage.sleep_ms(EFFECT_MS).await;
    }

    async fn settle(&self) {
        let settings = &self.stage.cluster.plan().settings;
        let quiet_ms = settings.down_after_ms.max(settings.repair_holdoff_ms) + QUIET_MS;
        let (mut heard, mut quiet_for_ms) = (lock(&self.stage.notes).heard(), 0);
        for _ in 0..PATIENCE_MS / LOOK_AGAIN_MS {
            self.stage.sleep_ms(LOOK_AGAIN_MS).await;
            let now = lock(&self.stage.notes).heard();
            quiet_for_ms = if now == heard { quiet_for_ms + LOOK_AGAIN_MS } else { 0 };
            heard = now;
            if quiet_for_ms >= quiet_ms {
                return;
            }
        }
        self.stage.cluster.nodes().for_each(|node| self.stage.say(node, Phrase::NeverSettled));
    }

    /// Goes on at once when the newest config is so, before the nodes have done anything about it.
    async fn until(&self, condition: Condition) {
        for _ in 0..PATIENCE_MS / LOOK_AT_CONFIG_MS {
            if condition.holds(&self.stage.cluster.config()) {
                return;
            }
            self.stage.sleep_ms(LOOK_AT_CONFIG_MS).await;
        }
        self.stage.cluster.nodes().for_each(|node| self.stage.say(node, Phrase::NeverSettled));
    }

    async fn operator_waits(&mut self) {
        for asked in std::mem::take(&mut self.administering) {
            // One that panicked has taken the whole simulation down.
            let _ = asked.await;
        }
    }

    async fn show(&self, key: &str, nodes: Option<Nodes>) {
        let config = self.stage.cluster.config();
        let replicas = || config.replicas(config.shard_of(key)).map(|member| member.node).collect();
        for node in nodes.unwrap_or_else(replicas) {
            let phrase = newcomer(&self.stage, node, key).await;
            self.stage.say(node, phrase);
        }
    }

    async fn ask_for(&self, nodes: Nodes, phrase: impl Fn(&Status) -> Phrase) {
        for node in nodes {
            let silent = |why: NoAnswer| Phrase::Silent { session: "operator".to_owned(), why: why.to_string() };
            let said = self.stage.status(node).await.map_or_else(silent, |status| phrase(&status));
            self.stage.say(node, said);
        }
    }

    fn locate(&self, key: &str) {
        let config = self.stage.cluster.config();
        let shard = config.shard_of(key);
        config.replicas(shard).for_each(|member| self.stage.say(member.node, Phrase::Holds(format!("{key} in {shard}"))));
    }

    async fn session_acts(&mut self, name: String, act: SessionAct) {
        let token = if let SessionAct::Follows(other) = &act { self.sessions.get(other).and_then(Session::token) } else { None };
        let next = self.sessions.len() as u32;
        let session = self.sessions.entry(name).or_insert_with(|| Session::new(next));
        match act {
            SessionAct::Waits => session.wait().await,
            SessionAct::Forgets => session.set_token(None),
            SessionAct::Forges => session.forge(),
            SessionAct::Follows(_) => session.set_token(token),
        }
    }

    fn change_links(&self, act: LinkAct, links: &Links) {
        for (from, to) in &links.between_nodes {
            self.stage.cluster.world().change_link(*from, *to, |link| match act {
                LinkAct::Cut => link.flow = Flow::Cut,
                LinkAct::Hold => link.flow = Flow::Held,
                LinkAct::Release if link.flow == Flow::Held => link.flow = Flow::Open,
                LinkAct::Release => {}
                LinkAct::Delay(ms) => link.latency_us = ms * 1_000..=ms * 1_000,
                LinkAct::Duplicate => link.duplication = 1.0,
                LinkAct::Heal => *link = self.healthy(),
            });
        }
        for (node, way) in &links.of_clients {
            self.stage.cluster.change_client_link(*node, |link| match act {
                LinkAct::Cut => drop(link.cut.insert(*way)),
                LinkAct::Heal => drop(link.cut.remove(way)),
                LinkAct::Hold | LinkAct::Release | LinkAct::Delay(_) | LinkAct::Duplicate => {}
            });
        }
    }

    fn healthy(&self) -> Link {
        Link { latency_us: self.latency_us.clone(), ..Link::default() }
    }

    async fn change_processes(&self, act: ProcessAct, nodes: &Nodes) {
        let cluster = &self.stage.cluster;
        for node in nodes {
            match act {
                ProcessAct::End(death) => cluster.end(*node, death),
                ProcessAct::Stop => cluster.stop(*node).await,
                ProcessAct::Start => cluster.start(*node),
                ProcessAct::Wipe => cluster.wipe(*node),
                ProcessAct::Pause => cluster.world().pause(*node),
                ProcessAct::Resume => cluster.world().resume(*node),
            }
        }
        if act == ProcessAct::Start {
            self.stage.sleep_ms(EFFECT_MS).await;
            for (node, why) in nodes.iter().filter_map(|node| Some((node, cluster.start_failure(*node)?))) {
                self.stage.say(*node, Phrase::CannotStart(why));
            }
        }
    }

    fn change_disk(&self, act: DiskAct, node: NodeId) {
        self.stage.cluster.world().change_disk(node, |disk| match act {
            DiskAct::Full => disk.capacity_bytes = Some(0),
            DiskAct::Failing => disk.syncs = Syncs::Fail,
            DiskAct::Slow(times) => disk.slowness = times,
            DiskAct::Healthy => *disk = DiskSettings::default(),
        });
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
