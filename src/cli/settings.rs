//! What can be set about a node, and where each value comes from: defaults, then a TOML file, then the environment, then flags, each
//! stronger than the one before.
//!
//! The table below is the only list of keys: the file's keys, the flags (`--shard-count`), the variables (`CAUSEWAY_SHARD_COUNT`) and
//! `causeway config print` follow from it. Deployments know some variables by a bare name, [`BARE_VARIABLES`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider, Source,
    providers::{Format, Serialized, Toml},
    value::{Dict, Map, Value},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::list::List;
use crate::{
    http::{AcceptSettings, Limits},
    node,
    runtime::{control::ControlSettings, tokio::LinkSettings},
};

/// What the names of all variables begin with.
const PREFIX: &str = "CAUSEWAY_";
/// The variable that names the file; not a key itself.
const FILE_VARIABLE: &str = "CAUSEWAY_CONFIG";
/// Variables that are not for nodes but for commands that ask them.
const OTHERS: [&str; 3] = [FILE_VARIABLE, "CAUSEWAY_CA_FILE", "CAUSEWAY_TOKEN_FILE"];

/// Keys whose variables also go by their bare name, as in `SHARD_COUNT`.
pub const BARE_VARIABLES: [&str; 18] = [
    "socket_address",
    "view",
    "shard_count",
    "bind_address",
    "peer_address",
    "data_dir",
    "causal_wait_ms",
    "repair_holdoff_ms",
    "evict_after_ms",
    "token_key_file",
    "tls_ca_file",
    "tls_cert_file",
    "tls_key_file",
    "client_tokens_file",
    "admin_listen",
    "fsync",
    "max_memory_bytes",
    "max_value_bytes",
];

/// Makes [`Settings`], its defaults, [`Flags`] and [`KEYS`] from one table. What is in brackets is for the flag alone.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $key:ident $([$($flag:tt)+])?: $type:ty = $default:expr;)+) => {
        /// Everything that can be set about a node.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        /// The settings as flags: what is given here is stronger than anything else.
        #[derive(Debug, Clone, Default, clap::Args)]
        pub struct Flags {
            $($(#[doc = $doc])+ #[arg(long, value_name = "VALUE", hide_short_help = !BARE_VARIABLES.contains(&stringify!($key)) $(, $($flag)+)?)] pub $key: Option<String>,)+
        }

        impl Flags {
            /// The flags that were given, by key.
            fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
                [$((stringify!($key), self.$key.as_deref()),)+].into_iter().filter_map(|(key, text)| Some((key, text?)))
            }
        }

        /// All keys, in the order of the table.
        pub const KEYS: &[&str] = &[$(stringify!($key),)+];
    };
}

settings! {
    /// `IP:PORT` or `HOST:PORT` of this node for clients; its identity in views
    socket_address: Option<String> = None;
    /// Addresses of all nodes, this one included, separated by commas
    view: List = List::default();
    /// Into how many shards the nodes are divided
    shard_count: Option<u16> = None;
    /// Where to listen for clients, if not at the socket address; without a port, the socket address's
    bind_address: Option<String> = None;
    /// Where to listen for peers, if not 10000 ports above where clients are listened for
    peer_address: Option<String> = None;
    /// How to reach the peers that are not 10000 ports above their socket address: `ADDRESS=PEER_ADDRESS`, separated by commas
    peer_addresses: List = List::default();
    /// Where the data is; `./causeway-data/<socket address>` if not given
    data_dir: Option<PathBuf> = None;
    /// File of token keys, `ID:KEY` a line, KEY being 16 bytes in hex or base64; the first one seals, all are accepted
    token_key_file: Option<PathBuf> = None;
    /// Let nobody in who does not prove who it is; any of the five settings below turns it on too, and then all are needed
    secure [num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_short_help = false]: bool = false;
    /// Certificates in PEM of the authority that has signed the certificates of all nodes
    tls_ca_file: Option<PathBuf> = None;
    /// This node's certificate in PEM, and those between it and the authority; it names the socket address's host
    tls_cert_file: Option<PathBuf> = None;
    /// The key in PEM that goes with the certificate
    tls_key_file: Option<PathBuf> = None;
    /// File of clients' tokens, `ROLE SHA256` a line: `read`, `write` or `admin`, and the token's hash in hex
    client_tokens_file: Option<PathBuf> = None;
    /// Where to listen for operators, if not at 127.0.0.1, 20000 ports above where clients are listened for
    admin_listen: Option<String> = None;
    /// When an answered write is on disk: `always` (before its answer), `interval:MS` or `never`
    fsync: String = "always".to_owned();
    /// Bytes of a log segment, after which the next one begins
    segment_bytes: u64 = 64 << 20;
    /// Bytes of log since the last snapshot after which a new one is made
    snapshot_after_bytes: u64 = 256 << 20;
    /// Bytes of keys, values and records above which writes are refused; 0 is no bound
    max_memory_bytes: u64 = node::Settings::default().max_memory_bytes;
    /// Bytes of a value above which its write is refused
    max_value_bytes: usize = Limits::default().max_value_bytes;
    /// How long a request waits for what its token depends on; 0 is allowed
    causal_wait_ms: u64 = node::Settings::default().causal_wait_ms;
    /// How long after a heal a peer that was believed down gets no repair
    repair_holdoff_ms: u64 = node::Settings::default().repair_holdoff_ms;
    /// How long a forwarded request waits for a member's answer
    forward_timeout_ms: u64 = node::Settings::default().forward_timeout_ms;
    /// How long a write waits for its write concern
    write_concern_wait_ms: u64 = node::Settings::default().write_concern_wait_ms;
    /// Between promises and gossip while nothing is written
    idle_interval_ms: u64 = node::Settings::default().idle_interval_ms;
    /// Between promises and gossip while something is written
    busy_interval_ms: u64 = node::Settings::default().busy_interval_ms;
    /// Silence after which a peer is avoided
    suspect_after_ms: u64 = node::Settings::default().suspect_after_ms;
    /// Silence after which a node leaves the view
    down_after_ms: u64 = node::Settings::default().down_after_ms;
    /// How long a majority must have believed a node down until it loses its place, to which it returns by itself; 0 is never
    evict_after_ms: u64 = node::Settings::default().evict_after_ms;
    /// How far ahead of this node's clock a token may be
    drift_ms: u64 = node::Settings::default().drift_ms;
    /// Between comparisons of replicas by hash
    digest_interval_ms: u64 = node::Settings::default().digest_interval_ms;
    /// Bytes of records kept for peers that are behind
    tail_bytes: u64 = node::Settings::default().tail_bytes;
    /// Bytes a second that the node gives to peers that take over slots, as they lie in memory; 0 is no bound
    transfer_bytes_per_s: u64 = node::Settings::default().transfer_bytes_per_s;
    /// How long an idempotency key is remembered
    operation_ttl_ms: u64 = node::Settings::default().operation_ttl_ms;
    /// How many idempotency keys are remembered
    operation_limit: usize = node::Settings::default().operation_limit;
    /// How many times a request may be passed on
    hop_limit: u8 = node::Settings::default().hop_limit;
    /// How many requests may wait in the node at once
    waiting_limit: usize = node::Settings::default().waiting_limit;
    /// How often the leader of the config log says that it is there
    config_log_heartbeat_ms: u64 = ControlSettings::default().heartbeat_ms;
    /// A voter of the config log stands for election after this much silence of its leader, and a time drawn up to the next
    config_log_election_min_ms: u64 = ControlSettings::default().election_min_ms;
    /// The longest of both times
    config_log_election_max_ms: u64 = ControlSettings::default().election_max_ms;
    /// For how long a voter of the config log may be down before another node takes its place
    config_log_replace_after_ms: u64 = ControlSettings::default().replace_after_ms;
    /// How long data sent to a peer may stay unacknowledged before the link counts as broken
    link_timeout_ms: u64 = LinkSettings::default().link_timeout_ms;
    /// Frames that may wait for a peer
    link_queue_frames: usize = LinkSettings::default().queue.frames;
    /// Bytes that may wait for a peer
    link_queue_bytes: usize = LinkSettings::default().queue.bytes;
    /// For the whole head of a client's request
    head_timeout_ms: u64 = AcceptSettings::default().head_timeout_ms;
    /// For the whole body of a client's request
    body_timeout_ms: u64 = AcceptSettings::default().body_timeout_ms;
    /// Between an answer and the client's next request
    idle_timeout_ms: u64 = AcceptSettings::default().idle_timeout_ms;
    /// For a client to take some more of its answer
    write_timeout_ms: u64 = AcceptSettings::default().write_timeout_ms;
    /// Bytes of a request's line and headers
    max_head_bytes: usize = AcceptSettings::default().max_head_bytes;
    /// Open connections of clients
    max_connections: usize = AcceptSettings::default().max_connections;
    /// Open connections of one client's address
    max_connections_per_client: usize = AcceptSettings::default().max_connections_per_client;
    /// Requests that take longer are logged as slow
    slow_request_ms: u64 = Limits::default().slow_request_ms;
    /// For how long a node that SIGTERM tells to stop says that it is not ready, and serves, before it closes its port; 0 is not at all
    drain_ms: u64 = 1_000;
    /// How long a stop may take, draining included, before it is cut short
    stop_timeout_ms: u64 = 9_000;
    /// `text` or `json`
    log_format: String = "text".to_owned();
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,causeway::http=debug`
    log_level: String = "info".to_owned();
}

/// Why settings are refused. Each of them ends the process with exit code 2.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A key of the file that is in no table.
    #[error("unknown key {key:?} in {file}; `causeway config print` lists all keys")]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        file: String,
    },
    /// A `CAUSEWAY_*` variable that is in no table.
    #[error("unknown variable {0}; `causeway config print` lists all keys")]
    UnknownVariable(String),
    /// A key has a value under both of its variables.
    #[error("both {0} and {PREFIX}{0} are set; keep one of them")]
    TwoVariables(String),
    /// The file cannot be read or is no TOML, or a value is of the wrong kind. The text names where it came from.
    #[error("{0}")]
    Value(Box<figment::Error>),
}

impl From<figment::Error> for SettingsError {
    fn from(error: figment::Error) -> Self {
        Self::Value(Box::new(error))
    }
}

/// Settings with the memory of where each came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub settings: Settings,
    sources: Figment,
}

/// One setting for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub key: &'static str,
    /// Its value; empty when there is none.
    pub value: String,
    /// Where the value came from.
    pub source: String,
}

impl Loaded {
    /// Puts the sources over each other.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn load(
        flags: &Flags,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let environment: BTreeMap<String, String> = environment.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        let file = file.map(Path::to_owned).or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
        let mut sources = Figment::from(Defaults);
        if let Some(file) = file {
            sources = sources.merge(known_keys(&file)?);
        }
        for given in variables(&environment)? {
            sources = sources.merge(given);
        }
        for (key, text) in flags.given() {
            let source = format!("flag --{}", key.replace('_', "-"));
            sources = sources.merge(Given { key, text: text.to_owned(), source });
        }
        // Lossy: flags and variables are text, also where a number is meant.
        Ok(Self { settings: sources.extract_lossy()?, sources })
    }

    /// Every setting, in the order of the table.
    pub fn rows(&self) -> Vec<Row> {
        KEYS.iter()
            .map(|key| {
                let value = self.sources.find_value(key).ok().map(|value| shown(&value)).unwrap_or_default();
                let source = self.sources.find_metadata(key).map_or_else(|| "default".to_owned(), named);
                Row { key, value, source }
            })
            .collect()
    }
}

fn named(metadata: &Metadata) -> String {
    let file = metadata.source.as_ref().and_then(Source::file_path);
    file.map_or_else(|| metadata.name.to_string(), |path| format!("file {}", path.display()))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Array(_, items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Num(_, number) => number.to_u128().map(|number| number.to_string()).unwrap_or_default(),
        Value::Bool(_, truth) => truth.to_string(),
        _ => String::new(),
    }
}

/// The file, once all its keys are known ones.
fn known_keys(path: &Path) -> Result<figment::providers::Data<Toml>, SettingsError> {
    let file = Toml::file_exact(path);
    let keys = file.data()?.into_values().flat_map(Dict::into_keys).find(|key| !KEYS.contains(&key.as_str()));
    match keys {
        Some(key) => Err(SettingsError::UnknownKey { key, file: path.display().to_string() }),
        None => Ok(file),
    }
}

/// What the environment gives.
fn variables(environment: &BTreeMap<String, String>) -> Result<Vec<Given>, SettingsError> {
    let prefixed = environment.keys().filter(|name| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()));
    for name in prefixed {
        if !KEYS.iter().any(|key| name[PREFIX.len()..] == key.to_uppercase()) {
            return Err(SettingsError::UnknownVariable(name.clone()));
        }
    }
    let mut given = Vec::new();
    for key in KEYS {
        let bare = key.to_uppercase();
        let prefixed = environment.get(&format!("{PREFIX}{bare}"));
        let (name, text) = match (environment.get(&bare).filter(|_| BARE_VARIABLES.contains(key)), prefixed) {
            (Some(_), Some(_)) => return Err(SettingsError::TwoVariables(bare)),
            (Some(text), None) => (bare, text),
            (None, Some(text)) => (format!("{PREFIX}{bare}"), text),
            (None, None) => continue,
        };
        given.push(Given { key, text: text.clone(), source: format!("variable {name}") });
    }
    Ok(given)
}

struct Defaults;

impl Provider for Defaults {
    fn metadata(&self) -> Metadata {
        Metadata::named("default")
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Serialized::defaults(Settings::default()).data()
    }
}

/// One value, from a variable or a flag.
struct Given {
    key: &'static str,
    text: String,
    source: String,
}

impl Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone()).interpolater(|_, keys| keys.join("."))
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(Dict::from([(self.key.to_owned(), Value::from(self.text.clone()))])))
    }
}
