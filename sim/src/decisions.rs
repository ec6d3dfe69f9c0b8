//! Where the configs of a simulated cluster are decided: nowhere, in a register that all nodes share, or in the config log of
//! production, on the nodes themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway::{
    id::{Epoch, NodeId},
    placement::Config,
    runtime::{
        self, Changes, Env,
        control::{ControlLog, ControlPlan, ControlSettings},
        start_config_log,
    },
};

use crate::{
    cluster::Changing,
    config_log::ConfigLog,
    streams::Streams,
    world::{SimEnv, World},
};

/// See the module.
pub struct Decisions {
    first: Arc<Config>,
    log: Log,
}

enum Log {
    None,
    Register(Arc<ConfigLog>),
    /// The newest config that any node has seen decided.
    Replicated(Mutex<Arc<Config>>),
}

impl Decisions {
    /// After a first config.
    pub fn new(changing: Changing, world: &Arc<World>, streams: Streams, first: &Arc<Config>) -> Arc<Self> {
        let log = match changing {
            Changing::Never => Log::None,
            Changing::Online => Log::Register(ConfigLog::new(world.clone(), streams, first.clone())),
            Changing::Replicated => Log::Replicated(Mutex::new(first.clone())),
        };
        Arc::new(Self { first: first.clone(), log })
    }

    /// The newest config.
    pub fn current(&self) -> Arc<Config> {
        match &self.log {
            Log::None => self.first.clone(),
            Log::Register(log) => log.current(),
            Log::Replicated(newest) => locked(newest).clone(),
        }
    }

    /// All configs from this epoch on, and whether a proposal of this node was left without an answer after this time. Only a register
    /// knows.
    pub fn since(&self, epoch: Epoch, at_us: u64, node: NodeId) -> Option<(Vec<Arc<Config>>, bool)> {
        match &self.log {
            Log::Register(log) => Some((log.since(epoch), log.left_in_doubt(node, at_us))),
            Log::None | Log::Replicated(_) => None,
        }
    }

    /// A process's way to them, and its part in making them where it has one.
    pub fn attach(self: &Arc<Self>, env: &SimEnv) -> (Option<Changes>, Option<runtime::ConfigLog>) {
        match &self.log {
            Log::None => (None, None),
            Log::Register(log) => (Some(log.attach(env)), None),
            Log::Replicated(_) => {
                let listed = self.first.members().iter().map(|member| member.node).collect();
                let first = self.first.member(env.node()).map(|_| Config::clone(&self.first));
                let plan = ControlPlan { me: env.node(), listed, first, settings: ControlSettings::default() };
                let (changes, log) = start_config_log(env, plan);
                let (decisions, mut watch) = (self.clone(), log.watch(None));
                env.spawn(async move {
                    loop {
                        decisions.decided(watch.changed().await);
                    }
                });
                (Some(changes), Some(log))
            }
        }
    }

    fn decided(&self, config: Arc<Config>) {
        if let Log::Replicated(newest) = &self.log {
            let mut newest = locked(newest);
            if config.epoch() > newest.epoch() {
                *newest = config;
            }
        }
    }
}

fn locked(newest: &Mutex<Arc<Config>>) -> MutexGuard<'_, Arc<Config>> {
    newest.lock().unwrap_or_else(PoisonError::into_inner)
}
