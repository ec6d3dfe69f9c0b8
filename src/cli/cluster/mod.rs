//! `causeway cluster`: a whole cluster on this machine, each node a process of its own, until Ctrl-C.
//!
//! Each node has a supervisor that starts it, restarts it when it dies, and stops it; what happens to nodes comes here as events
//! and leaves as one line each. A node that dies before all were ready ends the command: its log says why.

mod child;
mod supervisor;
mod welcome;

use std::{
    collections::BTreeMap,
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use hyper::Method;
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::{
    child::{NodeSpec, Secure},
    supervisor::{Event, Happening, OnDeath, Supervisor},
};
use super::{CliError, certs::SecureFolder, plan::PlanError, say, security::admin_address, stop::StopSignal};
use crate::{
    http::{Client, Outgoing, Role},
    id::NodeId,
    placement::{Config, Founding, Member},
    runtime::tokio::peer_address,
    tls::Validity,
};

/// How long all nodes together may take to be ready.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the nodes' views.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A cluster for a first try needs none for longer.
const CERTIFICATE_DAYS: u16 = 365;
/// How much of a dead node's log is shown.
const LOG_LINES_SHOWN: usize = 5;

/// `causeway cluster`.
#[derive(Debug, clap::Args)]
pub struct ClusterArgs {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 6)]
    nodes: u16,
    /// Into how many shards they are divided; each needs two nodes
    #[arg(long, value_name = "N", default_value_t = 2)]
    shards: u16,
    /// The first node's port for clients; the others follow, and peers' ports are 10000 higher
    #[arg(long, value_name = "PORT", default_value_t = 8090)]
    base_port: u16,
    /// Folder of all data and logs. What is there is used again
    #[arg(long, value_name = "FOLDER", default_value = "causeway-data/cluster")]
    dir: PathBuf,
    /// Let nobody in who does not prove who it is: makes certificates and tokens in the folder `secure` beside the data
    #[arg(long)]
    secure: bool,
    /// Leave nodes that die dead
    #[arg(long)]
    no_restart: bool,
}

/// Why there is no cluster.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// Ports beyond the last one.
    #[error("{nodes} nodes from port {base_port} on need ports above 65535")]
    PortsEnd {
        /// How many nodes.
        nodes: u16,
        /// Where they begin.
        base_port: u16,
    },
    /// Somebody listens there already.
    #[error("cannot listen at {address}: {source}; is another cluster running? --base-port chooses other ports")]
    PortTaken {
        /// Where.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// A node ended before all were ready.
    #[error("{address} {how} while starting; the end of {}:\n{tail}", log.display())]
    DiedEarly {
        /// Which node.
        address: String,
        /// How it ended.
        how: String,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// Not all nodes were ready in time.
    #[error("not all nodes were ready within {} s; their logs are in {}", START_PATIENCE.as_secs(), .0.display())]
    NotReady(PathBuf),
}

impl ClusterArgs {
    /// Runs the cluster until it is told to stop.
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let mut stop = StopSignal::listen()?;
        let config = self.config()?;
        self.free_ports(&config)?;
        fs::create_dir_all(&self.dir)?;
        let secure = self.make_secure(&config)?;
        let (stopping, stopped) = (watch::Sender::new(false), self.on_death());
        let (sender, mut events) = mpsc::unbounded_channel();
        let mut supervisors = JoinSet::new();
        for member in config.members() {
            let supervisor = Supervisor { spec: self.spec(&config, member, &secure), on_death: stopped, events: sender.clone() };
            supervisors.spawn(supervisor.run(stopping.subscribe()));
        }
        let ran = tokio::select! {
            biased;
            _ = stop.received() => Ok(()),
            ran = self.show(&config, &secure, &mut events) => ran,
        };
        say("stopping\n")?;
        stopping.send_replace(true);
        while supervisors.join_next().await.is_some() {}
        ran.map(|()| 0)
    }

    fn on_death(&self) -> OnDeath {
        if self.no_restart { OnDeath::StayDead } else { OnDeath::Restart }
    }

    fn config(&self) -> Result<Config, CliError> {
        let end = ClusterError::PortsEnd { nodes: self.nodes, base_port: self.base_port };
        let last = self.base_port.checked_add(self.nodes.saturating_sub(1)).ok_or(end)?;
        let view = (self.base_port..=last).map(|port| format!("127.0.0.1:{port}")).collect();
        Ok(Config::found(&Founding { view, shard_count: self.shards }).map_err(PlanError::from)?)
    }

    /// What the nodes prove themselves with, and how this command enters them.
    fn make_secure(&self, config: &Config) -> Result<Secure, CliError> {
        if !self.secure {
            return Ok(Secure::default());
        }
        let folder = SecureFolder::at(self.dir.join("secure"));
        let nodes: Vec<String> = config.members().iter().map(|member| member.address.clone()).collect();
        folder.make(&nodes, &[], Validity::days(SystemTime::now(), CERTIFICATE_DAYS))?;
        let access = folder.access(Role::Read)?;
        Ok(Secure { folder: Some(folder), access })
    }

    fn spec(&self, config: &Config, member: &Member, secure: &Secure) -> NodeSpec {
        let address = member.address.clone();
        let view: Vec<&str> = config.members().iter().map(|member| member.address.as_str()).collect();
        NodeSpec {
            view: view.join(","),
            shard_count: self.shards,
            data: self.dir.join(&address),
            log: self.dir.join(format!("{address}.log")),
            node: member.node,
            secure: secure.clone(),
            address,
        }
    }

    /// Tells of the cluster's start and then of its nodes' deaths and returns, until a start fails.
    async fn show(&self, config: &Config, secure: &Secure, events: &mut mpsc::UnboundedReceiver<Event>) -> Result<(), CliError> {
        let since = Instant::now();
        let specs: Vec<NodeSpec> = config.members().iter().map(|member| self.spec(config, member, secure)).collect();
        let pids = timeout(START_PATIENCE, all_ready(&specs, events)).await;
        let pids = pids.map_err(|_| ClusterError::NotReady(self.dir.clone()))??;
        let mut shards = BTreeMap::new();
        for spec in &specs {
            shards.extend(shard_of(spec).await.map(|shard| (spec.node, shard)));
        }
        say(&welcome::text(&specs, &pids, &shards))?;
        while let Some(Event { node, happening }) = events.recv().await {
            let address = config.member(node).map(|member| member.address.as_str()).unwrap_or_default();
            say(&format!("{:>8.1} s  {address}  {happening}\n", since.elapsed().as_secs_f64()))?;
        }
        Ok(())
    }

    /// Looked at before anything is started, since a cluster that lacks a node because of its port is of no use.
    fn free_ports(&self, config: &Config) -> Result<(), CliError> {
        let bad = |source| PlanError::BadAddress { setting: "--base-port", source };
        for member in config.members() {
            let peers = peer_address(&member.address).map_err(bad)?;
            let operators = self.secure.then(|| admin_address(&member.address)).transpose().map_err(bad)?;
            for address in [member.address.clone(), peers].into_iter().chain(operators) {
                TcpListener::bind(&address).map_err(|source| ClusterError::PortTaken { address, source })?;
            }
        }
        Ok(())
    }
}

/// Each node's process, once all serve and know each other.
async fn all_ready(specs: &[NodeSpec], events: &mut mpsc::UnboundedReceiver<Event>) -> Result<BTreeMap<NodeId, u32>, CliError> {
    let mut pids = BTreeMap::new();
    while pids.len() < specs.len() {
        let Some(Event { node, happening }) = events.recv().await else { break };
        match happening {
            Happening::Ready { pid, .. } => drop(pids.insert(node, pid)),
            Happening::Died { how, .. } => {
                let spec = specs.iter().find(|spec| spec.node == node).cloned();
                let NodeSpec { address, log, .. } = spec.ok_or_else(|| io::Error::other("an event of no node"))?;
                let tail = tail(&log);
                return Err(ClusterError::DiedEarly { address, how, log, tail }.into());
            }
        }
    }
    for spec in specs {
        let mut client = spec.client();
        while view_size(&mut client).await != Some(specs.len()) {
            sleep(LOOK_EVERY).await;
        }
    }
    Ok(pids)
}

async fn view_size(client: &mut Client) -> Option<usize> {
    let (_, body) = client.send(Outgoing::new(Method::GET, "/view"), START_PATIENCE).await.ok()?;
    Some(body["view"].as_array()?.len())
}

/// As the node itself says: what it was founded in may be long ago.
async fn shard_of(spec: &NodeSpec) -> Option<String> {
    let asked = Outgoing::new(Method::GET, "/shard/node-shard-id");
    let (_, body) = spec.client().send(asked, START_PATIENCE).await.ok()?;
    body["node-shard-id"].as_str().map(str::to_owned)
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}
