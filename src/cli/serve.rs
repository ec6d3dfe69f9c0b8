//! `causeway serve`: one node, from its settings to its end.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    CliError,
    join::{access, join, return_to_view},
    logs::Logs,
    metrics,
    place::Place,
    plan::Plan,
    sources::Sources,
    stop::{StopCause, StopSignal},
};
use crate::{
    http::{Api, App, Door, HttpMetrics, Server},
    runtime::{
        ConfigLog, Env, Handle, StartPlan, Started,
        journal::JournalStats,
        start, start_config_log, tell_members,
        tokio::{FolderDisk, LinkStats, TokioEnv},
    },
};

/// How often a node that stops looks whether its peers have what it wrote.
const HAND_OFF_POLL: Duration = Duration::from_millis(10);

/// `causeway serve`.
#[derive(Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Stop when standard input, a pipe, ends: for a parent process whose nodes must not outlive it
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
    #[command(flatten)]
    sources: Sources,
}

/// Runs a node until it is told to stop.
pub(super) async fn serve(args: &ServeArgs) -> Result<u8, CliError> {
    let settings = args.sources.load()?.settings;
    let logs = Logs::new(&settings)?;
    let plan = Plan::new(&settings)?;
    let signals = StopSignal::listen()?;
    let mut stop = if args.stop_with_stdin { signals.and_stdin()? } else { signals };
    logs.begin();
    warn_of_what_is_open(&plan);
    let disk = FolderDisk::open(&plan.data_dir)?;
    let (peers, clients) = (listen(&plan.peer_listen).await?, listen(&plan.client_listen).await?);
    let operators = match &plan.security {
        Some(security) => Some(listen(&security.admin_listen).await?),
        None => None,
    };
    let (place, clients) = match Place::known(&plan, &disk).await? {
        Some(place) => (place, clients),
        None => tokio::select! {
            biased;
            _ = stop.received() => return Ok(0),
            joined = join(&plan, clients) => joined?,
        },
    };
    let env = TokioEnv::start(peers, &place.peers(&plan), disk);
    let node = tokio::select! {
        biased;
        _ = stop.received() => return Ok(0),
        node = begin(&plan, &place, &env) => node?,
    };
    let me = &place.me;
    tracing::info!(address = %me.address, node = %me.node, data = %plan.data_dir.display(), "serving");
    until_stopped(&plan, &node, Doors { clients, operators }, &mut stop).await
}

/// Where requests come in. Without security operators come in where clients do.
struct Doors {
    clients: TcpListener,
    operators: Option<TcpListener>,
}

/// A node that runs.
struct Running {
    env: TokioEnv,
    started: Started,
    config_log: ConfigLog,
}

async fn begin(plan: &Plan, place: &Place, env: &TokioEnv) -> Result<Running, CliError> {
    let (changes, config_log) = start_config_log(env, place.config_log(plan));
    let started = start(env.clone(), StartPlan { changes: Some(changes), ..place.start(plan) }).await?;
    for finding in &started.findings {
        tracing::warn!(%finding, "found on the disk");
    }
    tell_members(env, &config_log, &started.handle);
    if place.me.removed {
        tracing::info!("was taken out of the view, and asks to be added again");
        env.spawn(return_to_view(place.config.clone(), place.me.address.clone(), access(plan)));
    }
    Ok(Running { env: env.clone(), started, config_log })
}

async fn until_stopped(plan: &Plan, node: &Running, doors: Doors, stop: &mut StopSignal) -> Result<u8, CliError> {
    let started = &node.started;
    let stopping = watch::Sender::new(false);
    let mut serving = tokio::spawn(serve_all(servers(plan, node, doors), stopping.subscribe()));
    let cause = tokio::select! {
        biased;
        () = started.handle.gone() => return Err(CliError::Ended),
        ended = &mut serving => return Err(ended.map_or_else(|panic| io::Error::other(panic).into(), |()| CliError::Ended)),
        cause = stop.received() => cause,
    };
    let told = Instant::now();
    started.handle.drain();
    let quietly = async {
        if cause == StopCause::Terminated {
            tracing::info!(drain_ms = plan.drain.as_millis() as u64, "not ready any more");
            sleep(plan.drain).await;
        }
        tracing::info!("stopping");
        stopping.send_replace(true);
        // Answers what is under way first: a node that has stopped answers nothing.
        let _ = serving.await;
        // The other half is for the disk.
        hand_off(&started.handle, plan.stop_timeout.saturating_sub(told.elapsed()) / 2).await;
        started.handle.stop().await;
    };
    tokio::select! {
        biased;
        _ = stop.received() => Err(CliError::StopCutShort),
        stopped = timeout(plan.stop_timeout, quietly) => stopped.map(|()| 0).map_err(|_| CliError::StopCutShort),
    }
}

/// Waits until the peers that are up have all that this node wrote, which is otherwise missing from them until it returns. What it
/// acknowledged is on its disk all the same, so one that hears nothing of them for long stops.
async fn hand_off(handle: &Handle, patience: Duration) {
    let handed_off = async {
        while handle.status().await.is_some_and(|status| status.peers_behind() > 0) {
            sleep(HAND_OFF_POLL).await;
        }
    };
    if timeout(patience, handed_off).await.is_err() {
        tracing::warn!("stopping before all peers have what this node wrote");
    }
}

async fn listen(address: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|source| CliError::Listen { address: address.to_owned(), source })
}

fn warn_of_what_is_open(plan: &Plan) {
    if let Some(security) = &plan.security {
        tracing::info!(operators = %security.admin_listen, "clients and peers must prove who they are");
        return;
    }
    tracing::warn!("traffic of clients and peers is not encrypted and nobody is asked who they are: keep the ports to yourself");
    if plan.token_key_is_public {
        tracing::warn!("without TOKEN_KEY_FILE causal metadata is guarded against damage, not against forgery");
    }
}

async fn serve_all(servers: Vec<(Server, TcpListener)>, stopping: watch::Receiver<bool>) {
    join_all(servers.into_iter().map(|(server, listener)| server.run(listener, stopping.clone()))).await;
}

fn servers(plan: &Plan, node: &Running, doors: Doors) -> Vec<(Server, TcpListener)> {
    let app = app(plan, node);
    let Some(security) = &plan.security else {
        let metrics = app.metrics.clone();
        return vec![(Server { api: Api::new(app), settings: plan.accept, metrics, tls: None }, doors.clients)];
    };
    let secure = |door| Server {
        api: Api::guarded(app.clone(), security.guard(door)),
        settings: plan.accept,
        metrics: app.metrics.clone(),
        tls: Some(security.clients.clone()),
    };
    let clients = (secure(Door::Clients), doors.clients);
    std::iter::once(clients).chain(doors.operators.map(|operators| (secure(Door::Admin), operators))).collect()
}

fn app(plan: &Plan, Running { env, started, config_log }: &Running) -> App {
    let clock = env.clone();
    let (links, journal): (Arc<LinkStats>, Arc<JournalStats>) = (env.link_stats().clone(), started.journal.clone());
    App {
        handle: started.handle.clone(),
        config_log: Some(config_log.clone()),
        tokens: Arc::new(plan.tokens.clone().of_cluster(started.handle.config().cluster())),
        limits: plan.limits,
        metrics: Arc::new(HttpMetrics::default()),
        clock: Arc::new(move || clock.now().monotonic_us),
        more_metrics: Some(Arc::new(move |registry| {
            metrics::add_links(registry, &links);
            metrics::add_journal(registry, &journal);
        })),
    }
}
