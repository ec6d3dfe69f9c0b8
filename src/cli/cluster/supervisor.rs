//! What keeps one node running: starts it, tells when it is ready, restarts it when it dies, stops it.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use super::child::{NodeProcess, NodeSpec};
use crate::id::NodeId;

/// From a death to the restart.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// The longest pause, for a node that dies again and again.
const RESTART_CAP: Duration = Duration::from_secs(16);

/// What to do with a node that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDeath {
    /// Start it again, on its data.
    Restart,
    /// Nothing.
    StayDead,
}

/// Something happened to a node.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) node: NodeId,
    pub(super) happening: Happening,
}

/// What happened to it. `Display` is what the line about it says.
#[derive(Debug)]
pub(super) enum Happening {
    /// Its process serves.
    Ready { pid: u32, took: Duration },
    /// Its process is gone.
    Died { how: String, restart_in: Option<Duration> },
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { pid, took } => write!(f, "is back, ready {:.1} s after its start (pid {pid})", took.as_secs_f64()),
            Self::Died { how, restart_in: None } => write!(f, "{how}"),
            Self::Died { how, restart_in: Some(pause) } => write!(f, "{how}; starts again in {} s", pause.as_secs()),
        }
    }
}

/// One node's keeper.
pub(super) struct Supervisor {
    pub(super) spec: NodeSpec,
    pub(super) on_death: OnDeath,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

impl Supervisor {
    /// Keeps the node until `stop` turns true or its sender is gone.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut pause = RESTART_AFTER;
        loop {
            let (process, how) = match self.spec.spawn() {
                Ok(mut process) => tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => (Some(process), String::new()),
                    how = self.watch(&mut process, &mut pause) => (None, how),
                },
                Err(error) => (None, format!("cannot be started: {error}")),
            };
            if let Some(process) = process {
                // A process that cannot be stopped is killed when it is dropped.
                let _ = process.stop().await;
                return;
            }
            let restart_in = (self.on_death == OnDeath::Restart).then_some(pause);
            self.tell(Happening::Died { how, restart_in });
            if restart_in.is_none() {
                return;
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(pause) => pause = (pause * 2).min(RESTART_CAP),
            }
        }
    }

    /// Tells when the process is ready; returns when it has ended, with how.
    async fn watch(&self, process: &mut NodeProcess, pause: &mut Duration) -> String {
        let (pid, since) = (process.pid(), Instant::now());
        tokio::select! {
            biased;
            ended = process.ended() => return how(ended),
            () = self.spec.ready() => {}
        }
        self.tell(Happening::Ready { pid, took: since.elapsed() });
        *pause = RESTART_AFTER;
        how(process.ended().await)
    }

    fn tell(&self, happening: Happening) {
        // Nobody listens any more when the command ends.
        let _ = self.events.send(Event { node: self.spec.node, happening });
    }
}

fn how(ended: io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("died of signal {signal}"),
            (None, Some(code)) => format!("ended with exit code {code}"),
            (None, None) => "ended".to_owned(),
        },
        Err(error) => format!("is lost: {error}"),
    }
}
