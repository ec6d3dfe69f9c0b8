//! `causeway cluster`, and the commands that talk to it, as a person uses them.

use std::{
    net::TcpListener,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{sleep, timeout},
};

use crate::{binary, ports};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// A running `causeway cluster` of two nodes in one shard.
struct OneCommand {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    base_port: u16,
}

/// Two ports in a row.
fn base_port() -> u16 {
    loop {
        let ports = ports::free(2);
        if ports[1] == ports[0] + 1 {
            return ports[0];
        }
    }
}

impl OneCommand {
    fn start(base_port: u16, folder: &Path) -> Self {
        let mut process = Command::new(binary::path())
            .args(["cluster", "--nodes", "2", "--shards", "1", "--base-port", &base_port.to_string(), "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program runs");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, lines, base_port }
    }

    fn address(&self, node: u16) -> String {
        format!("127.0.0.1:{}", self.base_port + node)
    }

    /// The next line that holds a text.
    async fn line_with(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("it ended without a line with {text:?}")
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no line with {text:?}"))
    }

    /// Waits for the table; the process of the second node.
    async fn up(&mut self) -> u32 {
        let address = self.address(1);
        let row = self.line_with(&address).await;
        let pid = row.split('┆').nth(2).expect("a third column").trim().parse().expect("a process's number");
        self.line_with("Ctrl-C stops").await;
        pid
    }

    /// Both nodes' ports are free again.
    async fn until_gone(&self) {
        let gone = async {
            for node in 0..2 {
                while TcpListener::bind(self.address(node)).is_err() {
                    sleep(POLL).await;
                }
            }
        };
        timeout(PATIENCE, gone).await.expect("the nodes end with their command");
    }
}

async fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().await;
    assert!(status.expect("a shell runs").success(), "SIG{name} to {pid}");
}

pub async fn causeway(arguments: &[&str]) -> Output {
    timeout(PATIENCE, Command::new(binary::path()).args(arguments).output()).await.expect("it ends").expect("it runs")
}

/// What it said, and its exit code.
pub fn said(output: &Output) -> (String, Option<i32>) {
    (String::from_utf8_lossy(&output.stdout).trim().to_owned(), output.status.code())
}

#[tokio::test]
async fn a_cluster_of_one_command_lives_through_deaths_and_stops() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = folder.path().join("session").display().to_string();
    let data = folder.path().join("data");
    let mut cluster = OneCommand::start(base_port(), &data);
    let second_pid = cluster.up().await;
    let (first, second) = (cluster.address(0), cluster.address(1));

    let put = causeway(&["put", "--node", &first, "--session", &session, "key", "[1,2]"]).await;
    assert_eq!(said(&put), ("created".to_owned(), Some(0)));
    let get = causeway(&["get", "--node", &second, "--session", &session, "key"]).await;
    assert_eq!(said(&get), ("[1,2]".to_owned(), Some(0)));
    let absent = causeway(&["get", "--node", &second, "--session", &session, "nothing"]).await;
    assert_eq!(absent.status.code(), Some(1));
    let taken = causeway(&["cluster", "--nodes", "2", "--shards", "1", "--base-port", &cluster.base_port.to_string()]).await;
    assert_eq!(taken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&taken.stderr).contains(&first));

    signal("KILL", second_pid).await;
    assert!(cluster.line_with(&second).await.contains("died of signal 9"));
    assert!(cluster.line_with(&second).await.contains("is back"));
    let status = causeway(&["status", "--node", &first, "--json"]).await;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let nodes = &status["nodes"];
    assert_eq!(nodes.as_array().map(Vec::len), Some(2), "{status}");
    assert!(nodes[1]["said"]["ready"] == true && nodes[1]["shard"] == "s0", "{status}");
    assert_eq!(status["shards"][0]["replicas"], serde_json::json!([first, second]), "{status}");

    signal("TERM", cluster.process.id().expect("it runs")).await;
    let ended = timeout(PATIENCE, cluster.process.wait()).await.expect("it stops").expect("it ended");
    assert_eq!(ended.code(), Some(0));

    let mut again = OneCommand::start(cluster.base_port, &data);
    again.up().await;
    let get = causeway(&["get", "--node", &second, "--session", &session, "key"]).await;
    assert_eq!(said(&get), ("[1,2]".to_owned(), Some(0)));
    again.process.kill().await.expect("it ran");
    again.until_gone().await;
}

#[tokio::test]
async fn a_node_that_is_not_there_is_told() {
    let nowhere = format!("127.0.0.1:{}", ports::free(1)[0]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = folder.path().join("session").display().to_string();
    let put = causeway(&["put", "--node", &nowhere, "--session", &session, "key", "1"]).await;
    assert_eq!(put.status.code(), Some(3), "not sent, so not done");
    assert!(String::from_utf8_lossy(&put.stderr).contains(&nowhere));
}
