//! Processes, six where nothing else is said, their data and their logs in one temporary folder. All end with this value.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use causeway::{
    cli::certs::SecureFolder,
    http::{Access, Client, ClientError, Outgoing, Role},
    placement::{Config, Founding},
    tls::Validity,
};
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time,
};

use crate::{binary, ports};

pub const NODES: usize = 6;
const SHARDS: u16 = 2;
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// From the start of a node to its answers.
pub const SERVES_WITHIN: Duration = Duration::from_secs(3);
/// The same where it is not what is tested: on a machine that is busy with other tests.
const STARTS_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
const LOG_LINES_SHOWN: usize = 15;

/// A cluster of processes. Node `i` is the one with the `i`-th address in sorted order, as in the config; those that join follow.
pub struct Cluster {
    addresses: Vec<String>,
    config: Arc<Config>,
    processes: Vec<Option<Child>>,
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// What the nodes of a secure cluster prove themselves with, and where each listens for operators.
    secure: Option<(SecureFolder, Vec<String>)>,
    /// How the cluster is asked.
    access: Access,
    /// How many nodes were there first.
    founders: usize,
    shards: u16,
    /// One cluster at a time: the limits of time are for a machine that runs nothing else.
    _turn: OwnedMutexGuard<()>,
}

impl Cluster {
    /// All nodes, started at once, with these variables besides the three that they need.
    pub async fn start(variables: &[(&str, &str)]) -> Self {
        Self::found((NODES, SHARDS), variables).await
    }

    async fn found(size: (usize, u16), variables: &[(&str, &str)]) -> Self {
        let mut cluster = Self::placed(size, variables).await;
        (0..size.0).for_each(|node| cluster.start_node(node));
        cluster
    }

    /// Nothing runs yet.
    async fn placed((nodes, shards): (usize, u16), variables: &[(&str, &str)]) -> Self {
        static TURN: std::sync::LazyLock<Arc<Mutex<()>>> = std::sync::LazyLock::new(Arc::default);
        let turn = TURN.clone().lock_owned().await;
        binary::path();
        let addresses: Vec<String> = ports::free(nodes).into_iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let founding = Founding { view: addresses.clone(), shard_count: shards };
        let config = Arc::new(Config::found(&founding).expect("a legal founding"));
        Self {
            addresses,
            config,
            secure: None,
            access: Access::default(),
            processes: (0..nodes).map(|_| None).collect(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            variables: variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            founders: nodes,
            shards,
            _turn: turn,
        }
    }

    /// All nodes, once all know each other and answer for both shards.
    pub async fn serving(variables: &[(&str, &str)]) -> Self {
        Self::serving_in((NODES, SHARDS), variables).await
    }

    /// The same with so many nodes in so many shards.
    pub async fn serving_in(size: (usize, u16), variables: &[(&str, &str)]) -> Self {
        Self::found(size, variables).await.served().await
    }

    /// The same where nobody is let in who does not prove who it is. Asked with a token of role write.
    pub async fn secure_in(size: (usize, u16), variables: &[(&str, &str)]) -> Self {
        let mut cluster = Self::placed(size, variables).await;
        let folder = SecureFolder::at(cluster.folder.path().join("secure"));
        folder.make(&cluster.addresses, &[], Validity::long()).expect("made");
        cluster.access = folder.access(Role::Write).expect("a token");
        cluster.secure = Some((folder, ports::free(size.0).iter().map(|port| format!("127.0.0.1:{port}")).collect()));
        (0..size.0).for_each(|node| cluster.start_node(node));
        cluster.served().await
    }

    async fn served(self) -> Self {
        let (cluster, shards) = (&self, self.shards);
        let everyone = self.nodes();
        cluster.until_views_are(&everyone, STARTS_WITHIN).await;
        let began = Instant::now();
        for (node, shard) in everyone.iter().flat_map(|node| (0..shards).map(move |shard| (*node, shard))) {
            let path = format!("/shard/key-count/s{shard}");
            while cluster.answer(node, Method::GET, &path, &Value::Null).await.0 != 200 {
                assert!(began.elapsed() < STARTS_WITHIN, "node {node} does not answer for s{shard}");
                time::sleep(POLL).await;
            }
        }
        self
    }

    /// What the nodes of a secure cluster prove themselves with.
    pub fn secure(&self) -> &SecureFolder {
        &self.secure.as_ref().expect("a secure cluster").0
    }

    /// Where a node of a secure cluster listens for operators.
    pub fn admin_address(&self, node: usize) -> &str {
        &self.secure.as_ref().expect("a secure cluster").1[node]
    }

    /// What every node derives from its variables.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Where each node listens for clients.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Where a node listens for its peers.
    pub fn peer_address(&self, node: usize) -> String {
        causeway::runtime::tokio::peer_address(&self.addresses[node]).expect("its own address is one")
    }

    /// Starts a node that is new to the cluster. Its number.
    pub fn add_node(&mut self) -> usize {
        self.addresses.push(format!("127.0.0.1:{}", ports::free(1)[0]));
        if let Some((folder, operators)) = &mut self.secure {
            operators.push(format!("127.0.0.1:{}", ports::free(1)[0]));
            folder.make(&self.addresses, &[], Validity::long()).expect("made");
        }
        self.processes.push(None);
        let node = self.processes.len() - 1;
        self.start_node(node);
        node
    }

    /// All nodes.
    pub fn nodes(&self) -> Vec<usize> {
        (0..self.processes.len()).collect()
    }

    /// Starts a node that is not running, with the variables that it was given at first: a later one does not say how many shards
    /// there are.
    pub fn start_node(&mut self, node: usize) {
        assert!(self.processes[node].is_none(), "node {node} runs");
        let log = File::options().create(true).append(true).open(self.log(node)).expect("a log file");
        let mut command = Command::new(binary::path());
        command.arg("serve").env_clear().envs(self.variables.iter().map(|(name, text)| (name, text)));
        let known = &self.addresses[..self.founders.max(node + 1)];
        command.env("SOCKET_ADDRESS", &self.addresses[node]).env("VIEW", known.join(",")).env("DATA_DIR", self.data(node));
        if node < self.founders {
            command.env("SHARD_COUNT", self.shards.to_string());
        }
        if let Some((folder, operators)) = &self.secure {
            command.envs(folder.settings(&self.addresses[node])).env("ADMIN_LISTEN", &operators[node]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("the same file")).stderr(log);
        self.processes[node] = Some(command.spawn().expect("the program starts"));
    }

    /// SIGKILL. Returns when the process is gone.
    pub fn kill(&mut self, node: usize) {
        let Some(mut process) = self.processes[node].take() else { return };
        process.kill().expect("a process of ours can be killed");
        process.wait().expect("a process of ours can be waited for");
    }

    /// Loses the disk of a node that does not run.
    pub fn wipe(&self, node: usize) {
        fs::remove_dir_all(self.data(node)).expect("it had a disk");
    }

    /// SIGSTOP: from outside as if it were cut off.
    pub fn pause(&self, node: usize) {
        self.signal(node, "STOP");
    }

    /// SIGCONT.
    pub fn resume(&self, node: usize) {
        self.signal(node, "CONT");
    }

    fn client(&self, node: usize) -> Client {
        Client::entering(&self.addresses[node], self.access.clone())
    }

    /// SIGTERM.
    pub fn terminate(&self, node: usize) {
        self.signal(node, "TERM");
    }

    /// Waits until a node has ended by itself. Its exit code; none where a signal ended it.
    pub async fn ended(&mut self, node: usize, limit: Duration) -> Option<i32> {
        let mut process = self.processes[node].take().expect("the node runs");
        let began = Instant::now();
        loop {
            if let Some(status) = process.try_wait().expect("a process of ours can be waited for") {
                return status.code();
            }
            if began.elapsed() >= limit {
                self.processes[node] = Some(process);
                panic!("node {node} still runs after {limit:?}");
            }
            time::sleep(POLL).await;
        }
    }

    /// Asks a node.
    pub async fn ask(&self, node: usize, method: Method, path: &str, body: &Value) -> Result<(u16, Value), ClientError> {
        self.client(node).send(Outgoing::new(method, path).json(body), ANSWER_DEADLINE).await
    }

    /// Asks a node that must answer.
    pub async fn answer(&self, node: usize, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.ask(node, method, path, body).await.unwrap_or_else(|error| panic!("node {node}: {error}"))
    }

    /// Writes a value and says the new token. A node may refuse until it has heard that a member of the key's shard takes writes,
    /// and does not know the outcome of what it passed to one that has just died: the write has a name, so it can be sent again.
    pub async fn put(&self, node: usize, key: &str, body: &Value) -> Value {
        let began = Instant::now();
        let put = Outgoing::new(Method::PUT, format!("/kvs/{key}")).json(body).header("idempotency-key", format!("{key} {body}"));
        loop {
            let answered = self.client(node).send(put.clone(), ANSWER_DEADLINE).await;
            let (status, answer) = answered.unwrap_or_else(|error| panic!("node {node}: {error}"));
            if matches!(status, 200 | 201) {
                return answer["causal-metadata"].clone();
            }
            let may_be_sent_again = matches!(status, 503 | 504) && began.elapsed() < SERVES_WITHIN;
            assert!(may_be_sent_again, "node {node} answers {status} to a put of {key}: {answer}");
            time::sleep(POLL).await;
        }
    }

    /// The members of a node's view; none if it does not answer.
    pub async fn view(&self, node: usize) -> Vec<String> {
        let answer = self.ask(node, Method::GET, "/view", &Value::Null).await;
        let view = answer.ok().and_then(|(_, body)| serde_json::from_value(body["view"].clone()).ok());
        view.unwrap_or_default()
    }

    /// The members of a shard, as nodes.
    pub fn replicas(&self, key: &str) -> Vec<usize> {
        self.config.replicas(self.config.shard_of(key)).map(|member| member.node.0 as usize).collect()
    }

    /// Waits until all these nodes answer and have exactly these members in their views.
    pub async fn until_views_are(&self, members: &[usize], limit: Duration) {
        let mut expected: Vec<String> = members.iter().map(|node| self.addresses[*node].clone()).collect();
        expected.sort();
        let began = Instant::now();
        loop {
            let mut views = Vec::new();
            for node in members {
                views.push(self.view(*node).await);
            }
            if views.iter().all(|view| *view == expected) {
                return;
            }
            assert!(began.elapsed() < limit, "after {limit:?} the views are {views:?}, not {expected:?}");
            time::sleep(POLL).await;
        }
    }

    /// Waits until a key has this value at every replica, for a session that has seen nothing.
    pub async fn until_everyone_has(&self, key: &str, value: &Value, limit: Duration) {
        let began = Instant::now();
        for node in self.replicas(key) {
            loop {
                let answer = self.ask(node, Method::GET, &format!("/kvs/{key}"), &json!({})).await;
                if answer.as_ref().is_ok_and(|(status, body)| *status == 200 && body["value"] == *value) {
                    break;
                }
                assert!(began.elapsed() < limit, "after {limit:?} node {node} says {answer:?} for {key}, not {value}");
                time::sleep(POLL).await;
            }
        }
    }

    /// The number of a node's process.
    pub fn process(&self, node: usize) -> u32 {
        self.processes[node].as_ref().expect("the node runs").id()
    }

    /// By the shell's own `kill`, which every system has.
    fn signal(&self, node: usize, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process(node))]).status();
        assert!(status.expect("a shell runs").success(), "SIG{name} to node {node}");
    }

    fn data(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("data-{node}"))
    }

    /// What a node says.
    pub fn log(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("log-{node}"))
    }
}

impl Drop for Cluster {
    /// SIGKILL ends stopped processes too. After a failure the nodes' last words are shown.
    fn drop(&mut self) {
        self.nodes().into_iter().for_each(|node| self.kill(node));
        if !thread::panicking() {
            return;
        }
        for node in self.nodes() {
            let log = fs::read_to_string(self.log(node)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
            eprintln!("--- node {node} ({}):\n{last}", self.addresses[node]);
        }
    }
}
