//! One node's part in the control log, from opening its file to its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use openraft_rt::AsyncRuntime;
use tokio::sync::{Mutex as TurnMutex, mpsc, oneshot};

use super::{
    ControlSettings,
    decided::{Decided, ProposeError},
    desk::{Desk, SendFrame},
    file::{self, Content, Opened, Record, Shelf},
    founding::{Acceptor, Founding},
    handle::{Control, ControlStatus, Liveness, Order, Phase, RecoverError},
    machine_store::MachineStore,
    member::{Group, MemberId},
    published::Published,
    raft_runtime::{EnvRuntime, within},
    types::Raft,
};
use crate::{
    id::{Epoch, NodeId},
    runtime::Env,
};

/// How long a disk that cannot be opened is left alone.
const REOPEN: Duration = Duration::from_millis(1_000);

/// How long raft may take to go down. What it still writes then goes nowhere.
const SHUTDOWN: Duration = Duration::from_millis(1_000);

/// What a node's control log is started with.
#[derive(Debug, Clone)]
pub struct ControlPlan<D> {
    /// Which node this is.
    pub me: NodeId,
    /// The nodes that an operator listed, this one among them: they found a cluster where there is none.
    pub listed: BTreeSet<NodeId>,
    /// The first state, if this node gets to found. Without one it never founds: it joins the group that there is.
    pub first: Option<D>,
    /// What an operator set.
    pub settings: ControlSettings,
}

/// The links to other nodes.
pub struct ControlLinks {
    /// Frames to others. Never waits.
    pub send: SendFrame,
    /// Frames from others.
    pub incoming: mpsc::UnboundedReceiver<(NodeId, Bytes)>,
}

/// Raft, while this node is in a group.
pub(super) struct Running<D: Decided> {
    pub raft: Raft<D>,
    pub machine: MachineStore<D>,
}

impl<D: Decided> Clone for Running<D> {
    fn clone(&self) -> Self {
        Self { raft: self.raft.clone(), machine: self.machine.clone() }
    }
}

/// What ends a membership.
pub(super) enum End {
    /// There is a newer generation.
    Newer(Group),
    /// An operator forces a new one.
    Recover(oneshot::Sender<Result<Epoch, RecoverError>>),
    /// Only this node can make a new one.
    Succeed,
    /// The file failed.
    Failed,
    /// The node goes down.
    Stop(oneshot::Sender<()>),
}

/// What the tasks of one node share.
pub(super) struct Room<D: Decided> {
    pub plan: ControlPlan<D>,
    pub shelf: Shelf<D>,
    pub desk: Desk<D>,
    pub published: Published<D>,
    /// One acceptor answers one question at a time.
    pub founding_turn: TurnMutex<()>,
    pub ends: mpsc::UnboundedSender<End>,
    running: Mutex<Option<Running<D>>>,
    beliefs: Mutex<BTreeMap<NodeId, (Liveness, u64)>>,
    heard: Mutex<BTreeMap<NodeId, (MemberId, u64)>>,
    /// When a leader spoke to this member last.
    led_us: AtomicU64,
    status: Arc<Mutex<ControlStatus>>,
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    chance: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// Starts a node's part in the control log. It opens its file, founds or joins a group, and serves that until it is stopped.
pub fn start<E: Env, D: Decided>(env: &E, plan: ControlPlan<D>, links: ControlLinks) -> Control<D> {
    let (orders, orders_out) = mpsc::unbounded_channel();
    let (published, status) = (Published::default(), Arc::<Mutex<ControlStatus>>::default());
    let control = Control { orders, published: published.clone(), status: status.clone() };
    env.spawn(within(env, run(env.clone(), plan, links, (orders_out, published, status))));
    control
}

type Ways<D> = (mpsc::UnboundedReceiver<Order<D>>, Published<D>, Arc<Mutex<ControlStatus>>);

async fn run<E: Env, D: Decided>(env: E, plan: ControlPlan<D>, links: ControlLinks, (orders, published, status): Ways<D>) {
    let (shelf, opened) = loop {
        match file::open(&env).await {
            Ok(opened) => break opened,
            Err(_) => EnvRuntime::sleep(REOPEN).await,
        }
    };
    if let Opened::Damaged { aside } = opened {
        locked(&status).set_aside.push(aside);
    }
    let (ends, mut ends_out) = mpsc::unbounded_channel();
    let (clock_env, chance_env) = (env.clone(), env.clone());
    let desk = Desk::new(plan.me, shelf.clone(), links.send, env.random());
    let room = Arc::new(Room {
        plan,
        shelf,
        desk,
        published,
        founding_turn: TurnMutex::new(()),
        ends,
        running: Mutex::default(),
        beliefs: Mutex::default(),
        heard: Mutex::default(),
        led_us: AtomicU64::new(0),
        status,
        clock: Box::new(move || clock_env.now().monotonic_us),
        chance: Box::new(move || chance_env.random()),
    });
    drop(EnvRuntime::spawn(room.clone().hear(links.incoming)));
    drop(EnvRuntime::spawn(room.clone().obey(orders)));
    loop {
        let end = room.live(&mut ends_out).await;
        room.leave_raft().await;
        let (next, reply) = room.after(end).await;
        room.set_phase(next);
        if let Some(reply) = reply {
            let _ = reply.send(());
        }
        if next != Phase::Member {
            return;
        }
    }
}

impl<D: Decided> Room<D> {
    /// Microseconds by the node's monotonic clock.
    pub fn now_us(&self) -> u64 {
        (self.clock)()
    }

    /// A random number.
    pub fn random(&self) -> u64 {
        (self.chance)()
    }

    /// Raft, while this node is in a group.
    pub fn running(&self) -> Option<Running<D>> {
        locked(&self.running).clone()
    }

    /// The group, if this node is in one.
    pub fn group(&self) -> Option<Group> {
        self.shelf.read(|content| content.group)
    }

    /// Which nodes should be in the group, what is believed of each, and since when.
    pub fn beliefs(&self) -> BTreeMap<NodeId, (Liveness, u64)> {
        locked(&self.beliefs).clone()
    }

    /// All other nodes that may have something to do with the log.
    pub fn others(&self) -> BTreeSet<NodeId> {
        let mut others = self.plan.listed.clone();
        others.extend(locked(&self.beliefs).keys());
        others.remove(&self.plan.me);
        others
    }

    /// A node's disk speaks, in this group.
    pub fn note_disk(&self, member: MemberId) {
        locked(&self.heard).insert(member.node, (member, self.now_us()));
    }

    /// Which disk of each node spoke last, of those that did so in these microseconds.
    pub fn heard(&self, within_us: u64) -> BTreeMap<NodeId, MemberId> {
        let now_us = self.now_us();
        let heard = locked(&self.heard);
        let fresh = heard.iter().filter(|(_, (_, at_us))| now_us.saturating_sub(*at_us) <= within_us);
        fresh.map(|(node, (member, _))| (*node, *member)).collect()
    }

    /// A leader speaks to this member.
    pub fn note_leader(&self) {
        self.led_us.store(self.now_us(), Ordering::Relaxed);
    }

    /// For how long no leader has spoken to this member.
    pub fn leaderless_us(&self) -> u64 {
        self.now_us().saturating_sub(self.led_us.load(Ordering::Relaxed))
    }

    /// What others may see of it.
    pub fn status(&self) -> MutexGuard<'_, ControlStatus> {
        locked(&self.status)
    }

    /// How this node stands to the log now.
    pub fn set_phase(&self, phase: Phase) {
        let (member, group) = (self.desk.member(), self.group());
        let mut status = self.status();
        (status.phase, status.member, status.group) = (phase, Some(member), group);
    }

    /// Found or join, then take part, until something ends that.
    async fn live(self: &Arc<Self>, ends: &mut mpsc::UnboundedReceiver<End>) -> End {
        let life = async {
            if self.group().is_none() {
                self.set_phase(Phase::Founding);
                self.found().await?;
            }
            let running = self.start_raft().await?;
            *locked(&self.running) = Some(running.clone());
            self.set_phase(Phase::Member);
            self.take_part(&running).await
        };
        tokio::select! {
            biased;
            end = self.next_end(ends) => end,
            ended = life => ended.unwrap_or(End::Failed),
        }
    }

    /// What ends this life: not what ended the one before.
    async fn next_end(&self, ends: &mut mpsc::UnboundedReceiver<End>) -> End {
        loop {
            match ends.recv().await {
                Some(End::Newer(group)) if self.group().is_some_and(|mine| mine.generation >= group.generation) => {}
                end => return end.unwrap_or(End::Failed),
            }
        }
    }

    async fn leave_raft(&self) {
        let running = locked(&self.running).take();
        if let Some(running) = running {
            let _ = EnvRuntime::timeout(SHUTDOWN, running.raft.shutdown()).await;
        }
        locked(&self.heard).clear();
    }

    /// What follows on an end: another life, or none; and whom to tell.
    async fn after(&self, end: End) -> (Phase, Option<oneshot::Sender<()>>) {
        match end {
            End::Stop(reply) => (Phase::Stopped, Some(reply)),
            End::Failed => (Phase::Failed, None),
            End::Newer(group) => {
                let content = Content { group: Some(group), ..Content::new(self.random() as u32) };
                (self.begin_anew(content).await.map_or(Phase::Failed, |()| Phase::Member), None)
            }
            End::Succeed => match self.regenerate().await {
                Err(RecoverError::Stopping) => (Phase::Failed, None),
                Ok(_) | Err(RecoverError::Nothing) => (Phase::Member, None),
            },
            End::Recover(reply) => {
                let recovered = self.regenerate().await;
                let phase = if recovered == Err(RecoverError::Stopping) { Phase::Failed } else { Phase::Member };
                let _ = reply.send(recovered);
                (phase, None)
            }
        }
    }

    /// Sets the file aside and goes on with other content.
    pub async fn begin_anew(&self, content: Content<D>) -> Result<(), file::Failure> {
        self.shelf.leave(content).await
    }

    /// Notes a group that is settled, and how it begins where that is known. From here on this disk founds none.
    pub async fn settle(&self, group: Group, founding: Option<Founding<D>>) -> Result<(), file::Failure> {
        let _turn = self.founding_turn.lock().await;
        let mine = self.group();
        if let Some(founding) = founding
            && mine.is_none_or(|mine| mine == group)
            && self.founding().is_none()
        {
            self.shelf.keep(Record::Founding(Acceptor::settled(founding))).await?;
        }
        if mine.is_none() {
            self.shelf.keep(Record::Group(group)).await?;
        }
        Ok(())
    }

    /// How the group that this node is in began, if it knows.
    pub fn founding(&self) -> Option<Founding<D>> {
        self.shelf.read(|content| {
            let founding = content.founding.accepted();
            founding.filter(|founding| Some(founding.group) == content.group).cloned()
        })
    }

    /// Does what the node asks for.
    async fn obey(self: Arc<Self>, mut orders: mpsc::UnboundedReceiver<Order<D>>) {
        while let Some(order) = orders.recv().await {
            let is_over = matches!(self.status().phase, Phase::Failed | Phase::Stopped);
            match order {
                Order::Propose(_, reply) if is_over => drop(reply.send(Err(ProposeError::Stopping))),
                Order::Propose(proposal, reply) => {
                    let room = self.clone();
                    drop(EnvRuntime::spawn(async move { reply.send(room.propose(proposal).await) }));
                }
                Order::Members(members) => self.believe(members),
                Order::Recover(reply) if is_over => drop(reply.send(Err(RecoverError::Stopping))),
                Order::Recover(reply) => drop(self.ends.send(End::Recover(reply))),
                Order::Stop(reply) if is_over => drop(reply.send(())),
                Order::Stop(reply) => drop(self.ends.send(End::Stop(reply))),
            }
        }
    }

    fn believe(&self, members: BTreeMap<NodeId, Liveness>) {
        let now_us = self.now_us();
        let mut beliefs = locked(&self.beliefs);
        let since = |node: &NodeId, liveness| match beliefs.get(node) {
            Some((before, since_us)) if *before == liveness => *since_us,
            _ => now_us,
        };
        let members = members.into_iter().map(|(node, liveness)| (node, (liveness, since(&node, liveness))));
        *beliefs = members.collect();
    }
}

/// What is shared is whole between any two statements, so a panic of another holder does not matter.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
