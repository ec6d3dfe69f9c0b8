//! The protocol: `(now, input) -> effects`. No time source, no randomness of its own, no IO, nothing async.
//!
//! One file a concern:
//! - [`session`] a client's operation: gate, check of the token, execution; `waiting` what could not be answered at once;
//!   `forward` what another node must answer, `held` until one can; `operations` retries; `concern` writes that wait for more replicas
//! - `receive` what a peer says, past the gates
//! - `journal` what becomes durable, and only then is applied; `lease` the bound that the clock restarts from; `snapshot` of the disk
//! - `replication` pushes with promises; `pull` what is lacking; `transfer` whole slots where the log no longer reaches; `digest` hashes
//! - `stability` the stable time; `gossip` and `view` who is up; `evict` who was not for too long, `aside` what only that one had;
//!   `founding` what a node may do with the disk that it found, `lost` if that is not its own
//! - `backup` the part of this replica in one of the cluster; `status` for operators, `taking` what it counts of transfers, `event` for the simulator's checkers

mod admin;
mod adopt;
mod aside;
mod backup;
mod concern;
mod digest;
mod event;
mod evict;
mod forward;
mod founding;
mod give;
mod gossip;
mod held;
mod import;
mod io;
mod journal;
mod lease;
mod lost;
mod operations;
mod own_records;
mod propose;
mod pull;
mod receive;
mod recover;
mod replication;
mod session;
mod settings;
mod snapshot;
mod stability;
mod status;
mod tail;
mod taking;
mod transfer;
mod view;
mod waiting;

use std::{collections::BTreeMap, sync::Arc};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

pub use crate::request::{AdminCommand, Answer, Command, KeyAnswer, KeyRequest, Outcome, Reply, Request};
pub use backup::{BackupPart, NoBackup};
pub use event::{Event, WhyNoWrites};
pub use io::{Effect, Input, JournalCommand, JournalEvent, NotChanged, Now};
pub use settings::Settings;
pub use status::{Counters, PeerStatus, Status, TransferStatus};

use crate::{
    clock::{HybridClock, VersionVector},
    id::{ActorId, Epoch, Incarnation, NodeId, ShardId},
    message::Message,
    placement::{Config, SlotSet},
    store::{Recovered, Table},
};

/// Everything that a node is made from, beside its disk.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// The placement.
    pub config: Arc<Config>,
    /// Which of its nodes this is.
    pub me: NodeId,
    /// What an operator set.
    pub settings: Settings,
    /// This process.
    pub incarnation: Incarnation,
    /// For the node's own random stream.
    pub seed: u64,
    /// Whether there is a config log to propose changes to.
    pub proposes: bool,
    /// Whether somebody listens to [`Effect::Observe`].
    pub observed: bool,
}

/// One node: a replica of one shard, and a door to all others.
///
/// Contract: [`handle`](Self::handle) takes one input at a time and never blocks; [`take_effects`](Self::take_effects) gives what
/// is to be done, in order, and must be called after each batch of inputs; a [`Tick`](Input::Tick) is due at
/// [`deadline_us`](Self::deadline_us). The same inputs at the same times give the same effects.
///
/// Nothing leaves a node before it is durable there: a record is applied, answered, acknowledged and pushed only after the
/// journal reported it durable.
#[derive(Debug)]
pub struct Node {
    plan: NodePlan,
    actor: ActorId,
    shard: ShardId,
    /// The slots whose records this replica keeps.
    kept: SlotSet,
    random: ChaCha8Rng,
    now: Now,

    clock: HybridClock,
    lease: lease::Lease,
    table: Table,
    tail: tail::Tail,
    operations: operations::Operations,
    /// `W`: up to where every actor's records are applied. Of its own actor: what was applied, promises apart.
    applied: VersionVector,

    journal: journal::Queue,
    snapshot: snapshot::Progress,
    standing: founding::Standing,
    adoption: adopt::Adoption,
    aside: aside::Aside,
    import: import::Import,
    changes: propose::Changes,
    admin: admin::Tasks,
    links: BTreeMap<NodeId, replication::Link>,
    pulls: pull::Pulls,
    transfer: Option<transfer::Transfer>,
    giving: give::Giving,
    backup: Option<backup::Backup>,
    digest: digest::Digests,
    stability: stability::Stability,
    view: view::View,
    gossip: gossip::Rounds,
    claims: evict::Claims,

    waiting: waiting::Waiting,
    forwards: forward::Forwards,
    held: held::Held,
    concerns: concern::Concerns,

    counters: Counters,
    effects: Vec<Effect>,
    /// Something was applied or promised since the last flush: who waits may look again.
    progressed: bool,
    next_tick_us: u64,
    /// Until when promises and gossip go out at the busy interval.
    busy_until_us: u64,
}

/// How long after the last record the busy interval is kept.
const BUSY_FOR_US: u64 = 20_000;

impl Node {
    /// A node that has found this on its disk.
    ///
    /// # Panics
    /// When the plan's node is not in the plan's config.
    pub fn new(plan: NodePlan, now: Now, recovered: Recovered) -> Self {
        let mut plan = plan;
        if let Some(config) = recovered.marks.as_ref().and_then(|marks| marks.config.clone())
            && config.epoch() > plan.config.epoch()
        {
            plan.config = config;
        }
        assert!(plan.config.member(plan.me).is_some(), "a node is started as a member of its config");
        let mut node = Self {
            actor: ActorId::NONE,
            shard: ShardId::NONE,
            kept: SlotSet::default(),
            random: ChaCha8Rng::seed_from_u64(plan.seed),
            now,
            clock: HybridClock::default(),
            lease: lease::Lease::default(),
            table: Table::default(),
            tail: tail::Tail::default(),
            operations: operations::Operations::default(),
            applied: VersionVector::default(),
            journal: journal::Queue::default(),
            snapshot: snapshot::Progress::default(),
            standing: founding::Standing::default(),
            links: BTreeMap::new(),
            adoption: adopt::Adoption::default(),
            aside: aside::Aside::default(),
            import: import::Import::default(),
            changes: propose::Changes::default(),
            admin: admin::Tasks::default(),
            pulls: pull::Pulls::default(),
            transfer: None,
            giving: give::Giving::default(),
            backup: None,
            digest: digest::Digests::default(),
            stability: stability::Stability::default(),
            view: view::View::new(&plan.settings),
            gossip: gossip::Rounds::default(),
            claims: evict::Claims::default(),
            waiting: waiting::Waiting::default(),
            forwards: forward::Forwards::default(),
            held: held::Held::default(),
            concerns: concern::Concerns::default(),
            counters: Counters::default(),
            effects: Vec::new(),
            progressed: false,
            next_tick_us: now.monotonic_us,
            busy_until_us: 0,
            plan,
        };
        node.take_places();
        node.recover(recovered);
        node
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::Request { id, request } => self.client_request(id, request),
            Input::Message { from, envelope } => self.receive(from, envelope),
            Input::NotSent { to, message } => self.not_sent(to, message),
            Input::LinkDown(node) => self.link_down(node),
            Input::Journal(event) => self.journal_event(event),
            Input::Config(config) => self.learn_config(config),
            Input::Proposed { number, outcome } => self.proposed(number, outcome),
            Input::Tick => self.tick(),
        }
    }

    /// What is to be done, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        if std::mem::take(&mut self.progressed) {
            self.retry_waiting();
        }
        self.push_all();
        self.mark_applied();
        std::mem::take(&mut self.effects)
    }

    /// When a [`Tick`](Input::Tick) is due, by the monotonic clock in microseconds.
    pub fn deadline_us(&self) -> u64 {
        let requests =
            [self.waiting.deadline_us(), self.forwards.deadline_us(), self.concerns.deadline_us(), self.admin.deadline_us()];
        requests.into_iter().flatten().fold(self.next_tick_us, u64::min)
    }

    /// The epoch of the config that this node works by.
    pub fn epoch(&self) -> Epoch {
        self.plan.config.epoch()
    }

    /// The process is stopping: what waits is refused, and nothing new is taken.
    pub fn stop(&mut self) {
        self.standing.stop();
        self.refuse_waiting();
        self.refuse_held();
    }

    /// Whether nothing is on its way to the disk and nobody waits for an answer.
    pub fn is_quiet(&self) -> bool {
        self.journal.is_empty() && self.forwards.len() + self.concerns.len() + self.held.len() == 0
    }

    fn tick(&mut self) {
        self.expire_waiting();
        self.expire_forwards();
        self.expire_concerns();
        self.expire_admin();
        if self.now.monotonic_us < self.next_tick_us {
            return;
        }
        self.next_tick_us = self.now.monotonic_us + self.interval_us();
        let changes = self.view.tick(self.now.monotonic_us);
        self.view_changed(changes);
        self.retry_held();
        self.keep_standing();
        self.renew_lease();
        self.keep_adopting();
        self.keep_aside();
        self.keep_links();
        self.keep_importing();
        self.keep_pulling();
        self.keep_transferring();
        self.keep_backup();
        self.keep_comparing();
        self.keep_stable();
        self.gossip_round();
        self.keep_changing();
        self.forget_operations();
        self.tail.shrink_to(self.plan.settings.tail_bytes);
    }

    fn link_down(&mut self, node: NodeId) {
        self.forget_exchange(node);
        self.forwards_lost(node);
    }

    fn forget_exchange(&mut self, node: NodeId) {
        self.reset_link(node);
        self.pulls.forget(node);
    }

    fn view_changed(&mut self, changes: Vec<view::Change>) {
        for change in changes {
            match change {
                view::Change::Suspected(node) => {
                    self.forget_exchange(node);
                    self.observe(|| Event::Suspected(node));
                }
                view::Change::Trusted(node) => self.observe(|| Event::Trusted(node)),
                view::Change::Down(node) => self.observe(|| Event::Down(node)),
                view::Change::Up(node) => self.observe(|| Event::Up(node)),
            }
        }
    }

    fn interval_us(&self) -> u64 {
        let settings = &self.plan.settings;
        let busy = self.now.monotonic_us < self.busy_until_us;
        1_000 * if busy { settings.busy_interval_ms } else { settings.idle_interval_ms }
    }

    fn now_busy(&mut self) {
        self.busy_until_us = self.now.monotonic_us + BUSY_FOR_US;
        self.next_tick_us = self.next_tick_us.min(self.now.monotonic_us + self.interval_us());
    }

    fn shard_peers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.links.keys().copied()
    }

    /// Peers of the shard that give and get records now.
    fn repairable_peers(&self) -> Vec<NodeId> {
        self.shard_peers().filter(|node| self.view.repairs(*node, self.now.monotonic_us)).collect()
    }

    fn actor_of(&self, node: NodeId) -> Option<ActorId> {
        self.plan.config.seat(node).map(|seat| seat.actor)
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.effects.push(Effect::Send { to, message });
    }

    fn observe(&mut self, event: impl FnOnce() -> Event) {
        if self.plan.observed {
            self.effects.push(Effect::Observe(event()));
        }
    }
}
