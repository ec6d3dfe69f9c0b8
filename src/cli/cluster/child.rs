//! One node's process.

use std::{
    env,
    fs::OpenOptions,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use hyper::Method;
use tokio::{
    process::{Child, ChildStdin, Command},
    time::{sleep, timeout},
};

use crate::{
    cli::certs::SecureFolder,
    http::{Access, Client, Outgoing},
    id::NodeId,
};

/// How long a node may take to stop cleanly.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);
const ASK_PATIENCE: Duration = Duration::from_secs(1);
/// Settings that are this command's to give; all others pass through the environment to every node.
const OWN_SETTINGS: [&str; 13] = [
    "SOCKET_ADDRESS",
    "VIEW",
    "SHARD_COUNT",
    "BIND_ADDRESS",
    "PEER_ADDRESS",
    "PEER_ADDRESSES",
    "DATA_DIR",
    "SECURE",
    "TLS_CA_FILE",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
    "CLIENT_TOKENS_FILE",
    "ADMIN_LISTEN",
];

/// What the nodes of a secure cluster prove themselves with, and how they are entered. In clear by default.
#[derive(Debug, Clone, Default)]
pub(super) struct Secure {
    pub(super) folder: Option<SecureFolder>,
    pub(super) access: Access,
}

/// What a node is started with.
#[derive(Debug, Clone)]
pub(super) struct NodeSpec {
    pub(super) node: NodeId,
    pub(super) address: String,
    pub(super) view: String,
    pub(super) shard_count: u16,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) secure: Secure,
}

/// A node's process. Killed when dropped.
pub(super) struct NodeProcess {
    child: Child,
    /// Its end tells the process to stop; so a node also stops when this process is killed.
    stdin: Option<ChildStdin>,
}

impl NodeSpec {
    /// Starts this program once more, as this node.
    pub(super) fn spawn(&self) -> io::Result<NodeProcess> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(env::current_exe()?);
        for name in OWN_SETTINGS {
            command.env_remove(name).env_remove(format!("CAUSEWAY_{name}"));
        }
        command
            .args(["serve", "--stop-with-stdin", "--socket-address", &self.address, "--view", &self.view])
            .args(["--shard-count", &self.shard_count.to_string()])
            .arg("--data-dir")
            .arg(&self.data);
        for (setting, path) in self.secure.folder.iter().flat_map(|folder| folder.settings(&self.address)) {
            command.arg(format!("--{}", setting.to_lowercase().replace('_', "-"))).arg(path);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C in the terminal is for the command, which stops the nodes itself.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        // Taken out, since waiting for a child closes what it holds.
        let stdin = child.stdin.take();
        Ok(NodeProcess { child, stdin })
    }

    /// A client of the node.
    pub(super) fn client(&self) -> Client {
        Client::entering(self.address.as_str(), self.secure.access.clone())
    }

    /// Waits until the node says that it is ready.
    pub(super) async fn ready(&self) {
        let mut client = self.client();
        loop {
            if let Ok((200, _)) = client.send(Outgoing::new(Method::GET, "/readyz"), ASK_PATIENCE).await {
                return;
            }
            sleep(ASK_EVERY).await;
        }
    }
}

impl NodeProcess {
    /// Its number; 0 once it is gone.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until it ends by itself. Cancel-safe.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Has it stop cleanly; kills it when it does not.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        drop(self.stdin);
        match timeout(STOP_PATIENCE, self.child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => self.child.kill().await,
        }
    }
}
