//! Carries a plan out: each harm at its time, or once the node, or the network, has no other; and undoes it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use causeway::id::NodeId;
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
    time,
};

use super::{
    change,
    diary::{Diary, Start, Stop, Trouble},
    harm::Harm,
    load::Run,
    plan::TorturePlan,
    ready::is_ready,
    stage::{Build, Stage, StageError},
};
use crate::{
    plan::Wish,
    trace::{Change, DiskState, LinkState},
};

/// How long nothing is done at first.
pub const WARM_UP_MS: u64 = 2_000;
/// A change of the config that is disturbed by everything else.
const CHANGES_WITHIN: Duration = Duration::from_secs(60);
/// How long a node that is restarted in turn holds up the next.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// How long a node that comes back is left alone, if it is not ready before.
const LEFT_ALONE: Duration = Duration::from_millis(1_500);
/// How many harms are done at once, besides those that go from node to node.
const AT_ONCE: usize = 3;
const POLL: Duration = Duration::from_millis(10);
/// How long nodes of two versions are left with each other after each that is upgraded or downgraded.
const TOGETHER: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(50);

/// See the module.
pub struct Nemesis {
    stage: Arc<Stage>,
    run: Arc<Run>,
    diary: Arc<Diary>,
    /// Held while something is done to the node.
    turns: Vec<Mutex<()>>,
    /// Held while some nodes do not hear others.
    network: Mutex<()>,
    /// Held while the shards change.
    config: Mutex<()>,
    /// Held while all nodes are restarted in turn.
    rolling: Mutex<()>,
    /// How often each node went down.
    downs: Vec<AtomicU32>,
    places: Arc<Semaphore>,
}

impl Nemesis {
    /// One for this run.
    pub fn new(stage: Arc<Stage>, run: Arc<Run>, diary: Arc<Diary>) -> Arc<Self> {
        let nodes = stage.addresses().len();
        let turns = (0..nodes).map(|_| Mutex::default()).collect();
        let downs = (0..nodes).map(|_| AtomicU32::default()).collect();
        let (network, config, rolling) = (Mutex::default(), Mutex::default(), Mutex::default());
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Arc::new(Self { stage, run, diary, turns, network, config, rolling, downs, places })
    }

    /// Does everything that is in the plan, as long as the run goes on. In the end all nodes run and hear each other, unless there
    /// was trouble.
    pub async fn carry_out(self: &Arc<Self>, plan: &TorturePlan) {
        let mut under_way = JoinSet::new();
        let mut delay = Duration::ZERO;
        for timed in &plan.harms {
            let due = Duration::from_millis(WARM_UP_MS + timed.at_ms) + delay;
            self.wait(due.saturating_sub(self.run.began.elapsed())).await;
            if !self.run.goes_on() {
                break;
            }
            let (nemesis, harm) = (self.clone(), timed.harm.clone());
            let is_long = matches!(harm, Harm::Roll | Harm::Change(_) | Harm::Reshard { .. });
            // On a slow machine the plan takes longer, and is not done all at once.
            let place = if is_long { None } else { self.places.clone().acquire_owned().await.ok() };
            delay += self.run.began.elapsed().saturating_sub(due);
            under_way.spawn(async move {
                let _place = place;
                if let Err(error) = nemesis.harm(&harm).await {
                    nemesis.diary.trouble(Trouble::Stage(error.to_string()));
                }
            });
        }
        under_way.join_all().await;
    }

    async fn harm(self: &Arc<Self>, harm: &Harm) -> Result<(), StageError> {
        let begin = || self.diary.begin(harm.kind(), &harm.to_string());
        match *harm {
            Harm::Kill { node, down_ms } | Harm::Stop { node, down_ms } => {
                let _turn = self.turn(node).await;
                begin();
                match harm {
                    Harm::Kill { .. } => self.kill(node).await?,
                    _ => self.stop(node).await?,
                }
                self.wait(Duration::from_millis(down_ms)).await;
                self.start(node, LEFT_ALONE).await
            }
            Harm::Pause { node, for_ms } => {
                let _turn = self.turn(node).await;
                begin();
                self.pause(node, for_ms).await
            }
            Harm::Disconnect { node, for_ms } => {
                let (_turn, _network) = (self.turn(node).await, self.network.lock().await);
                begin();
                self.disconnect(node, for_ms).await
            }
            Harm::Cut { ref breakage, for_ms } => {
                let _network = self.network.lock().await;
                begin();
                let cut = self.links(|from, to| breakage.cuts(from, to));
                self.cut(&cut, for_ms).await
            }
            Harm::Slow { .. } | Harm::Lossy { .. } | Harm::FullDisk { .. } => {
                let _turn = self.turn(node_of(harm)).await;
                begin();
                self.hamper(harm).await
            }
            Harm::Roll | Harm::Change(_) => {
                let _rolling = self.rolling.lock().await;
                begin();
                match *harm {
                    Harm::Change(build) => self.roll(Some(build)).await,
                    _ => self.roll(None).await,
                }
            }
            Harm::Reshard { first, shards } => {
                let _config = self.config.lock().await;
                begin();
                let made = change::ask(self.run.clone(), index(first), Wish::Reshard { shards }, CHANGES_WITHIN).await;
                if let Err(why) = made {
                    self.diary.not_made(why);
                }
                Ok(())
            }
        }
    }

    async fn turn(&self, node: NodeId) -> tokio::sync::MutexGuard<'_, ()> {
        self.turns[index(node)].lock().await
    }

    async fn kill(&self, node: NodeId) -> Result<(), StageError> {
        self.looks_well(node).await?;
        self.downs[index(node)].fetch_add(1, Ordering::Relaxed);
        self.stage.kill(index(node)).await?;
        self.diary.change(Change::Down { node, how: "killed".to_owned() });
        Ok(())
    }

    async fn stop(&self, node: NodeId) -> Result<(), StageError> {
        self.looks_well(node).await?;
        self.downs[index(node)].fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let code = self.stage.stop(index(node)).await?;
        self.diary.stop(Stop { took: began.elapsed(), code });
        self.diary.change(Change::Down { node, how: format!("stopped with exit code {code}") });
        Ok(())
    }

    /// Returns when the node is ready, or this patience is over.
    async fn start(self: &Arc<Self>, node: NodeId, patience: Duration) -> Result<(), StageError> {
        let began = Instant::now();
        self.stage.start(index(node)).await?;
        let launched = began.elapsed();
        self.diary.change(Change::Up { node });
        let nemesis = self.clone();
        // It may go on beside what is done next, also to the same node.
        let watch = tokio::spawn(async move {
            let ready = nemesis.until_ready(node, began).await;
            nemesis.diary.start(Start { launched, ready });
        });
        let _ = time::timeout(patience, watch).await;
        Ok(())
    }

    /// How long after this moment the node was ready; none if it went down before, or the run ended.
    async fn until_ready(&self, node: NodeId, began: Instant) -> Option<Duration> {
        let downs = || self.downs[index(node)].load(Ordering::Relaxed);
        let before = downs();
        while downs() == before && self.run.goes_on() {
            if is_ready(&self.stage.addresses()[index(node)]).await {
                return Some(began.elapsed());
            }
            time::sleep(POLL).await;
        }
        None
    }

    async fn pause(&self, node: NodeId, for_ms: u64) -> Result<(), StageError> {
        self.looks_well(node).await?;
        self.stage.pause(index(node)).await?;
        self.diary.change(Change::Paused { node });
        self.wait(Duration::from_millis(for_ms)).await;
        self.stage.resume(index(node)).await?;
        self.diary.change(Change::GoesOn { node });
        Ok(())
    }

    async fn disconnect(&self, node: NodeId, for_ms: u64) -> Result<(), StageError> {
        let links = self.links(|from, to| from == node || to == node);
        self.stage.disconnect(index(node)).await?;
        self.say(&links, LinkState::Cut, "off the network");
        self.wait(Duration::from_millis(for_ms)).await;
        self.stage.connect(index(node)).await?;
        self.say(&links, LinkState::Open, "open");
        Ok(())
    }

    async fn cut(&self, links: &[(NodeId, NodeId)], for_ms: u64) -> Result<(), StageError> {
        let numbers: Vec<(usize, usize)> = links.iter().map(|(from, to)| (index(*from), index(*to))).collect();
        self.stage.cut(&numbers).await?;
        self.say(links, LinkState::Cut, "cut");
        self.wait(Duration::from_millis(for_ms)).await;
        self.stage.cut(&[]).await?;
        self.say(links, LinkState::Open, "open");
        Ok(())
    }

    /// A link or a disk of one node is not what it should be, for a time.
    async fn hamper(&self, harm: &Harm) -> Result<(), StageError> {
        let stage = &self.stage;
        match *harm {
            Harm::Slow { node, kbit_per_s, for_ms } => {
                let links = self.links(|from, _| from == node);
                stage.limit(index(node), Some(kbit_per_s)).await?;
                self.say(&links, LinkState::Held, &format!("{kbit_per_s} kbit/s"));
                self.wait(Duration::from_millis(for_ms)).await;
                stage.limit(index(node), None).await?;
                self.say(&links, LinkState::Open, "open");
            }
            Harm::Lossy { node, percent, for_ms } => {
                let links = self.links(|_, to| to == node);
                stage.lose(index(node), percent).await?;
                self.say(&links, LinkState::Held, &format!("loses {percent} %"));
                self.wait(Duration::from_millis(for_ms)).await;
                stage.lose(index(node), 0).await?;
                self.say(&links, LinkState::Open, "open");
            }
            Harm::FullDisk { node, for_ms } => {
                let change = |state, text: &str| self.diary.change(Change::Disk { node, state, text: text.to_owned() });
                stage.fill_disk(index(node))?;
                change(DiskState::Sick, "full");
                self.wait(Duration::from_millis(for_ms)).await;
                stage.empty_disk(index(node))?;
                change(DiskState::Healthy, "has room");
            }
            _ => {}
        }
        Ok(())
    }

    /// Stops and starts every node; with a build, each begins with that.
    async fn roll(self: &Arc<Self>, build: Option<Build>) -> Result<(), StageError> {
        for node in self.everyone() {
            if !self.run.goes_on() {
                return Ok(());
            }
            let turn = self.turn(node).await;
            self.stop(node).await?;
            if let Some(build) = build {
                self.stage.choose(index(node), build).await;
                self.diary.say(&format!("{node} comes back with {build}"));
            }
            // What else is done meanwhile may keep it from being ready; then the next is not kept waiting.
            self.start(node, READY_WITHIN).await?;
            drop(turn);
            if build.is_some() {
                self.wait(TOGETHER).await;
            }
        }
        Ok(())
    }

    /// A process that is to run runs.
    async fn looks_well(&self, node: NodeId) -> Result<(), StageError> {
        if !self.stage.is_running(index(node)).await? {
            self.diary.trouble(Trouble::Died(format!("{node} has ended by itself")));
        }
        Ok(())
    }

    /// Waits, but not beyond the end of the run.
    async fn wait(&self, span: Duration) {
        let began = Instant::now();
        while self.run.goes_on() && began.elapsed() < span {
            time::sleep(GLANCE.min(span - began.elapsed().min(span))).await;
        }
    }

    fn everyone(&self) -> Vec<NodeId> {
        (0..self.turns.len() as u32).map(NodeId).collect()
    }

    fn links(&self, holds: impl Fn(NodeId, NodeId) -> bool) -> Vec<(NodeId, NodeId)> {
        let everyone = self.everyone();
        let pairs = everyone.iter().flat_map(|from| everyone.iter().map(move |to| (*from, *to)));
        pairs.filter(|(from, to)| from != to && holds(*from, *to)).collect()
    }

    fn say(&self, links: &[(NodeId, NodeId)], state: LinkState, text: &str) {
        for (from, to) in links {
            self.diary.change(Change::Link { from: *from, to: *to, state, text: text.to_owned() });
        }
    }
}

/// Whom a harm hits that hits one node.
fn node_of(harm: &Harm) -> NodeId {
    match harm {
        Harm::Slow { node, .. } | Harm::Lossy { node, .. } | Harm::FullDisk { node, .. } => *node,
        _ => NodeId(0),
    }
}

fn index(node: NodeId) -> usize {
    node.0 as usize
}
