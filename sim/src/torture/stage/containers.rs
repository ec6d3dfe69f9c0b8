//! Nodes as containers of one image, on a network of their own.

use std::{
    fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    Room,
    command::{StageError, run, tidy},
};

/// What every object of ours is marked with; its value is the stage's name.
const LABEL: &str = "causeway-torture";
/// Whom the image runs as.
const USER: u32 = 65_532;
/// How long a container may take to stop, in seconds, before it is killed.
const STOPS_WITHIN_S: &str = "15";

/// See the module.
pub(super) struct Containers {
    stage: String,
    image: String,
    /// Of each node's first process; 0 when there is none.
    processes: Vec<AtomicU32>,
}

impl Containers {
    pub(super) fn new(stage: String, image: String, nodes: usize) -> Self {
        Self { stage, image, processes: (0..nodes).map(|_| AtomicU32::default()).collect() }
    }

    /// Makes the network. False when its addresses are in use.
    pub(super) async fn build_network(&self, subnet: &str) -> Result<bool, StageError> {
        let label = format!("{LABEL}={}", self.stage);
        match run("docker", &["network", "create", "--label", &label, "--subnet", subnet, &self.stage]).await {
            Ok(_) => Ok(true),
            Err(StageError::Refused { why, .. }) if why.contains("overlap") || why.contains("conflict") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a node's container, which is not started. The image is as it is deployed: nobody's rights, nothing to write but its data.
    pub(super) async fn build(&self, node: usize, room: &Room) -> Result<(), StageError> {
        chown(&room.data, Some(USER), Some(USER)).map_err(StageError::io(room.data.display().to_string()))?;
        let (name, label) = (self.name(node), format!("{LABEL}={}", self.stage));
        let volume = format!("{}:/data", room.data.display());
        let mut arguments = vec!["create", "--name", &name, "--label", &label, "--network", &self.stage, "--ip", &room.ip];
        arguments.extend(["--volume", &volume, "--read-only", "--cap-drop", "ALL", "--no-healthcheck"]);
        arguments.extend(["--security-opt", "no-new-privileges"]);
        let variables: Vec<String> = room.variables.iter().map(|(variable, value)| format!("{variable}={value}")).collect();
        arguments.extend(variables.iter().flat_map(|variable| ["--env", variable]));
        // A container that was taken off the network once may start before Docker has given it its address.
        arguments.extend(["--env", "BIND_ADDRESS=0.0.0.0", "--env", "DATA_DIR=/data", &self.image, "serve"]);
        run("docker", &arguments).await.map(drop)
    }

    pub(super) async fn start(&self, node: usize) -> Result<(), StageError> {
        let name = self.name(node);
        run("docker", &["start", &name]).await?;
        let process = run("docker", &["inspect", "--format", "{{.State.Pid}}", &name]).await?;
        self.processes[node].store(process.parse().unwrap_or_default(), Ordering::Relaxed);
        Ok(())
    }

    /// Returns when the process is gone.
    pub(super) async fn kill(&self, node: usize) -> Result<(), StageError> {
        let name = self.name(node);
        self.processes[node].store(0, Ordering::Relaxed);
        run("docker", &["kill", "--signal", "KILL", &name]).await?;
        run("docker", &["wait", &name]).await.map(drop)
    }

    /// The exit code.
    pub(super) async fn stop(&self, node: usize) -> Result<i32, StageError> {
        let name = self.name(node);
        self.processes[node].store(0, Ordering::Relaxed);
        run("docker", &["stop", "-t", STOPS_WITHIN_S, &name]).await?;
        let code = run("docker", &["wait", &name]).await?;
        Ok(code.parse().unwrap_or(-1))
    }

    pub(super) async fn pause(&self, node: usize) -> Result<(), StageError> {
        let name = self.name(node);
        if run("docker", &["pause", &name]).await.is_ok() {
            return Ok(());
        }
        // A busy kernel does not always freeze a group of processes when it is asked to.
        run("docker", &["kill", "--signal", "STOP", &name]).await.map(drop)
    }

    pub(super) async fn resume(&self, node: usize) -> Result<(), StageError> {
        let name = self.name(node);
        if run("docker", &["unpause", &name]).await.is_ok() {
            return Ok(());
        }
        run("docker", &["kill", "--signal", "CONT", &name]).await.map(drop)
    }

    pub(super) async fn disconnect(&self, node: usize) -> Result<(), StageError> {
        run("docker", &["network", "disconnect", &self.stage, &self.name(node)]).await.map(drop)
    }

    pub(super) async fn connect(&self, node: usize, room: &Room) -> Result<(), StageError> {
        run("docker", &["network", "connect", "--ip", &room.ip, &self.stage, &self.name(node)]).await.map(drop)
    }

    /// Where the node's network namespace is; none while it has no process.
    pub(super) fn network_of(&self, node: usize) -> Option<PathBuf> {
        let process = self.processes[node].load(Ordering::Relaxed);
        (process > 0).then(|| PathBuf::from(format!("/proc/{process}/ns/net")))
    }

    pub(super) async fn is_running(&self, node: usize) -> Result<bool, StageError> {
        Ok(run("docker", &["inspect", "--format", "{{.State.Running}}", &self.name(node)]).await? == "true")
    }

    /// Writes what a node has logged into a file.
    pub(super) fn save_log(&self, node: usize, path: &Path) -> io::Result<()> {
        let output = std::process::Command::new("docker").args(["logs", "--timestamps", &self.name(node)]).output()?;
        fs::write(path, [output.stdout, output.stderr].concat())
    }

    /// Removes all of it.
    pub(super) fn clean(&self) {
        let names: Vec<String> = (0..self.processes.len()).map(|node| self.name(node)).collect();
        for name in &names {
            tidy("docker", &["unpause", name]);
        }
        let names = names.iter().map(String::as_str);
        tidy("docker", &["rm", "--force", "--volumes"].into_iter().chain(names).collect::<Vec<_>>());
        tidy("docker", &["network", "rm", &self.stage]);
    }

    fn name(&self, node: usize) -> String {
        format!("{}-n{node}", self.stage)
    }
}
