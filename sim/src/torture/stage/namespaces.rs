//! Nodes as processes, each in a network namespace of its own, all on one bridge.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    sync::Mutex,
    time,
};

use super::{
    Build, Room,
    command::{StageError, run, tidy},
};

/// How long a process may take to stop before it is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct Namespaces {
    /// What the names of bridge, links and namespaces begin with: short, since the kernel has 15 characters for them.
    prefix: String,
    program: PathBuf,
    /// An older build of the program, if there is one.
    older: Option<PathBuf>,
    /// What each node runs from its next start on.
    builds: Vec<Mutex<Build>>,
    arguments: Vec<String>,
    processes: Vec<Mutex<Option<Child>>>,
}

impl Namespaces {
    pub(super) fn new(stage: u32, program: PathBuf, arguments: Vec<String>, nodes: usize) -> Self {
        let processes = (0..nodes).map(|_| Mutex::default()).collect();
        let builds = (0..nodes).map(|_| Mutex::new(Build::Newer)).collect();
        Self { prefix: format!("cw{stage}"), program, older: None, builds, arguments, processes }
    }

    /// The same where all nodes begin with an older build.
    pub(super) fn beginning_with(self, older: PathBuf) -> Self {
        let builds = self.builds.iter().map(|_| Mutex::new(Build::Older)).collect();
        Self { older: Some(older), builds, ..self }
    }

    pub(super) async fn choose(&self, node: usize, build: Build) {
        *self.builds[node].lock().await = build;
    }

    /// Makes the bridge. False when its addresses are in use.
    pub(super) async fn build_network(&self, subnet: &str, gateway: &str) -> Result<bool, StageError> {
        if !run("ip", &["-4", "route", "show", "exact", subnet]).await?.is_empty() {
            return Ok(false);
        }
        let bridge = self.prefix.as_str();
        run("ip", &["link", "add", bridge, "type", "bridge"]).await?;
        run("ip", &["address", "add", &format!("{gateway}/24"), "dev", bridge]).await?;
        run("ip", &["link", "set", bridge, "up"]).await?;
        // Where frames of bridges go through the host's filter, Docker has it drop what it does not know.
        run("iptables", &["-I", "FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT"]).await?;
        Ok(true)
    }

    /// Makes a node's namespace, with a link to the bridge.
    pub(super) async fn build(&self, node: usize, room: &Room) -> Result<(), StageError> {
        let (space, link) = (self.space(node), self.link(node));
        run("ip", &["netns", "add", &space]).await?;
        run("ip", &["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &space]).await?;
        run("ip", &["link", "set", &link, "master", &self.prefix]).await?;
        run("ip", &["link", "set", &link, "up"]).await?;
        let within = ["netns", "exec", &space, "ip"];
        let address = format!("{}/24", room.ip);
        let steps =
            [vec!["address", "add", &address, "dev", "eth0"], vec!["link", "set", "eth0", "up"], vec!["link", "set", "lo", "up"]];
        for step in steps {
            run("ip", &[within.as_slice(), &step].concat()).await?;
        }
        Ok(())
    }

    pub(super) async fn start(&self, node: usize, room: &Room) -> Result<(), StageError> {
        let build = *self.builds[node].lock().await;
        let older = self.older.as_ref().filter(|_| build == Build::Older);
        let program = older.unwrap_or(&self.program);
        let failed = || StageError::io(program.display().to_string());
        let log = File::options().create(true).append(true).open(&room.log).map_err(failed())?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(node)]).arg(program).args(&self.arguments).arg("serve");
        command.env_clear().envs(room.variables.iter().map(|(name, value)| (name, value))).env("DATA_DIR", &room.data);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed())?).stderr(log).kill_on_drop(true);
        // Ctrl-C at a terminal goes to a whole group of processes: nodes are not to be in ours.
        command.process_group(0);
        *self.processes[node].lock().await = Some(command.spawn().map_err(failed())?);
        Ok(())
    }

    /// Returns when the process is gone.
    pub(super) async fn kill(&self, node: usize) -> Result<(), StageError> {
        let Some(mut process) = self.processes[node].lock().await.take() else { return Ok(()) };
        process.kill().await.map_err(StageError::io(format!("killing node {node}")))
    }

    /// The exit code.
    pub(super) async fn stop(&self, node: usize) -> Result<i32, StageError> {
        self.signal(node, Signal::TERM).await?;
        let Some(mut process) = self.processes[node].lock().await.take() else { return Ok(-1) };
        match time::timeout(STOPS_WITHIN, process.wait()).await {
            Ok(ended) => Ok(ended.map_err(StageError::io(format!("stopping node {node}")))?.code().unwrap_or(-1)),
            Err(_) => process.kill().await.map(|()| -1).map_err(StageError::io(format!("killing node {node}"))),
        }
    }

    pub(super) async fn pause(&self, node: usize) -> Result<(), StageError> {
        self.signal(node, Signal::STOP).await
    }

    pub(super) async fn resume(&self, node: usize) -> Result<(), StageError> {
        self.signal(node, Signal::CONT).await
    }

    pub(super) async fn disconnect(&self, node: usize) -> Result<(), StageError> {
        run("ip", &["link", "set", &self.link(node), "down"]).await.map(drop)
    }

    pub(super) async fn connect(&self, node: usize) -> Result<(), StageError> {
        run("ip", &["link", "set", &self.link(node), "up"]).await.map(drop)
    }

    /// Where the node's network namespace is.
    pub(super) fn network_of(&self, node: usize) -> PathBuf {
        PathBuf::from(format!("/run/netns/{}", self.space(node)))
    }

    pub(super) async fn is_running(&self, node: usize) -> Result<bool, StageError> {
        let mut process = self.processes[node].lock().await;
        let Some(process) = process.as_mut() else { return Ok(false) };
        Ok(process.try_wait().map_err(StageError::io(format!("looking at node {node}")))?.is_none())
    }

    /// Copies what a node has logged.
    pub(super) fn save_log(&self, room: &Room, path: &Path) -> io::Result<()> {
        fs::copy(&room.log, path).map(drop)
    }

    /// Removes all of it. SIGKILL ends stopped processes too.
    pub(super) fn clean(&mut self) {
        for process in &mut self.processes {
            if let Some(mut process) = process.get_mut().take() {
                // It may have ended by itself.
                let _ = process.start_kill();
            }
        }
        for node in 0..self.processes.len() {
            tidy("ip", &["link", "delete", &self.link(node)]);
            tidy("ip", &["netns", "delete", &self.space(node)]);
        }
        tidy("iptables", &["-D", "FORWARD", "-i", &self.prefix, "-o", &self.prefix, "-j", "ACCEPT"]);
        tidy("ip", &["link", "delete", &self.prefix]);
    }

    async fn signal(&self, node: usize, signal: Signal) -> Result<(), StageError> {
        let process = self.processes[node].lock().await;
        let id = process.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(id.cast_signed()));
        let Some(id) = id else { return Ok(()) };
        kill_process(id, signal).map_err(|error| StageError::io(format!("a signal to node {node}"))(error.into()))
    }

    fn space(&self, node: usize) -> String {
        format!("{}n{node}", self.prefix)
    }

    fn link(&self, node: usize) -> String {
        format!("{}v{node}", self.prefix)
    }
}
