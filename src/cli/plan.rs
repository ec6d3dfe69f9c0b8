//! From settings to what a node starts with, or to what is wrong with them. Nothing is opened here but files of keys, tokens and certificates. Which config the
//! node starts with is in `place`: that is on its disk, or with others.

use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    security::{Security, SecurityError},
    settings::Settings,
    token_keys::{KeyFileError, parse_token_keys},
};
use crate::{
    clock::TokenKeys,
    http::{AcceptSettings, Limits},
    node,
    placement::{AddressError, Config, Founding, FoundingError, split_address},
    runtime::{
        control::ControlSettings,
        journal::JournalOptions,
        tokio::{InboxBounds, LinkSettings, QueueBounds, peer_address},
    },
    store::{Identity, NoSuchPolicy},
};

/// A wrong start. Each of these ends the process with exit code 2.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A node without an identity.
    #[error("SOCKET_ADDRESS is not set: it is the HOST:PORT of this node")]
    NoSocketAddress,
    /// A node that knows no cluster.
    #[error("VIEW is not set: it names the HOST:PORT of every node, this one included")]
    NoView,
    /// A setting that should hold an address.
    #[error("{setting}: {source}")]
    BadAddress {
        /// Which one.
        setting: &'static str,
        /// What is wrong.
        source: AddressError,
    },
    /// A `VIEW` of others.
    #[error("VIEW does not name this node, {0}")]
    NotInView(String),
    /// No config follows from `VIEW` and `SHARD_COUNT`.
    #[error(transparent)]
    Founding(#[from] FoundingError),
    /// An override that is not `ADDRESS=PEER_ADDRESS`.
    #[error("PEER_ADDRESSES: {0:?} is not ADDRESS=PEER_ADDRESS")]
    BadPeerOverride(String),
    /// A number that must not be 0.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// A node would leave views before it is even avoided.
    #[error("DOWN_AFTER_MS ({down_after_ms}) must be above SUSPECT_AFTER_MS ({suspect_after_ms})")]
    DownBeforeSuspected {
        /// Silence after which it leaves.
        down_after_ms: u64,
        /// Silence after which it is avoided.
        suspect_after_ms: u64,
    },
    /// Nothing would be left of a stop for making everything durable.
    #[error("DRAIN_MS ({drain_ms}) must be below STOP_TIMEOUT_MS ({stop_timeout_ms})")]
    DrainTooLong {
        /// How long the node serves on.
        drain_ms: u64,
        /// How long the whole stop may take.
        stop_timeout_ms: u64,
    },
    /// Times by which no leader of the config log could stay one.
    #[error(
        "CONFIG_LOG_HEARTBEAT_MS ({heartbeat_ms}) must be below CONFIG_LOG_ELECTION_MIN_MS ({election_min_ms}), and that below \
         CONFIG_LOG_ELECTION_MAX_MS ({election_max_ms})"
    )]
    ElectionTimes {
        /// How often a leader says that it is there.
        heartbeat_ms: u64,
        /// The shortest silence before an election.
        election_min_ms: u64,
        /// The longest.
        election_max_ms: u64,
    },
    /// Security that is not whole.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// An fsync policy that is none.
    #[error("FSYNC: {0}")]
    BadFsync(#[from] NoSuchPolicy),
    /// The key file cannot be read.
    #[error("TOKEN_KEY_FILE {path}: {source}")]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The key file holds something else.
    #[error("TOKEN_KEY_FILE {path}: {source}")]
    BadKeyFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: KeyFileError,
    },
}

/// All that a node starts with.
#[derive(Debug)]
pub struct Plan {
    /// Where to listen for clients.
    pub client_listen: String,
    /// Where to listen for peers.
    pub peer_listen: String,
    /// This node's address.
    pub address: String,
    /// The addresses that it was given, its own among them.
    pub view: Vec<String>,
    /// The first config of a cluster that this node may found; without one it joins a cluster that there is.
    pub first: Option<Arc<Config>>,
    /// Where nodes listen for their peers, by their address, if that is not 10000 ports above it.
    pub peer_addresses: BTreeMap<String, String>,
    /// Bounds of the links to peers.
    pub links: LinkSettings,
    /// The config log's settings.
    pub config_log: ControlSettings,
    /// Where the data is.
    pub data_dir: PathBuf,
    /// The protocol's settings.
    pub node: node::Settings,
    /// What seals and opens tokens.
    pub tokens: TokenKeys,
    /// Whether anybody who reads this program's source could forge them.
    pub token_key_is_public: bool,
    /// Who may enter; everybody without.
    pub security: Option<Security>,
    /// How the journal works. Whose it is, and its salt, are known at the start.
    pub journal: JournalOptions,
    /// Bounds of requests.
    pub limits: Limits,
    /// Bounds of connections.
    pub accept: AcceptSettings,
    /// How long a node serves on after SIGTERM.
    pub drain: Duration,
    /// How long a stop may take, `drain` included.
    pub stop_timeout: Duration,
}

impl Plan {
    /// What follows from settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &Settings) -> Result<Self, PlanError> {
        nonzero(settings)?;
        let address = settings.socket_address.clone().ok_or(PlanError::NoSocketAddress)?;
        checked("SOCKET_ADDRESS", &address)?;
        let first = found(settings)?.map(Arc::new);
        if !settings.view.0.contains(&address) {
            return Err(PlanError::NotInView(address));
        }
        let client_listen = client_listen(settings, &address)?;
        let peer_listen = match &settings.peer_address {
            Some(peer_address) => checked("PEER_ADDRESS", peer_address)?,
            None => peer_address(&client_listen).map_err(|source| bad("BIND_ADDRESS", source))?,
        };
        let security = Security::new(settings, &address, &client_listen)?;
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| PathBuf::from("causeway-data").join(&address));
        Ok(Self {
            client_listen,
            peer_listen,
            journal: journal(settings)?,
            address,
            view: settings.view.0.clone(),
            first,
            peer_addresses: peer_addresses(settings)?,
            links: links(settings),
            config_log: config_log(settings)?,
            data_dir,
            node: node_settings(settings),
            tokens: tokens(settings)?,
            token_key_is_public: settings.token_key_file.is_none(),
            security,
            limits: Limits { max_value_bytes: settings.max_value_bytes, slow_request_ms: settings.slow_request_ms },
            accept: accept(settings),
            drain: Duration::from_millis(settings.drain_ms),
            stop_timeout: Duration::from_millis(settings.stop_timeout_ms),
        })
    }
}

fn bad(setting: &'static str, source: AddressError) -> PlanError {
    PlanError::BadAddress { setting, source }
}

fn checked(setting: &'static str, address: &str) -> Result<String, PlanError> {
    split_address(address).map(|_| address.to_owned()).map_err(|source| bad(setting, source))
}

fn nonzero(settings: &Settings) -> Result<(), PlanError> {
    let counts = [
        ("FORWARD_TIMEOUT_MS", settings.forward_timeout_ms),
        ("IDLE_INTERVAL_MS", settings.idle_interval_ms),
        ("BUSY_INTERVAL_MS", settings.busy_interval_ms),
        ("SUSPECT_AFTER_MS", settings.suspect_after_ms),
        ("DIGEST_INTERVAL_MS", settings.digest_interval_ms),
        ("LINK_TIMEOUT_MS", settings.link_timeout_ms),
        ("STOP_TIMEOUT_MS", settings.stop_timeout_ms),
        ("SEGMENT_BYTES", settings.segment_bytes),
        ("SNAPSHOT_AFTER_BYTES", settings.snapshot_after_bytes),
        ("MAX_VALUE_BYTES", settings.max_value_bytes as u64),
        ("WAITING_LIMIT", settings.waiting_limit as u64),
        ("HOP_LIMIT", u64::from(settings.hop_limit)),
        ("CONFIG_LOG_HEARTBEAT_MS", settings.config_log_heartbeat_ms),
        ("LINK_QUEUE_FRAMES", settings.link_queue_frames as u64),
        ("LINK_QUEUE_BYTES", settings.link_queue_bytes as u64),
    ];
    if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
        return Err(PlanError::Zero(name));
    }
    let Settings { drain_ms, stop_timeout_ms, .. } = *settings;
    if drain_ms >= stop_timeout_ms {
        return Err(PlanError::DrainTooLong { drain_ms, stop_timeout_ms });
    }
    let Settings { down_after_ms, suspect_after_ms, .. } = *settings;
    if down_after_ms <= suspect_after_ms {
        return Err(PlanError::DownBeforeSuspected { down_after_ms, suspect_after_ms });
    }
    Ok(())
}

/// The first config, unless the settings leave that to a cluster that there is.
fn found(settings: &Settings) -> Result<Option<Config>, PlanError> {
    let view = settings.view.0.clone();
    if view.is_empty() {
        return Err(PlanError::NoView);
    }
    for address in &view {
        checked("VIEW", address)?;
    }
    let shard_count = match (settings.shard_count, view.len()) {
        (Some(shard_count), _) => shard_count,
        (None, 1) => 1,
        (None, _) => return Ok(None),
    };
    Ok(Some(Config::found(&Founding { view, shard_count })?))
}

/// Where to listen for clients. A bind address may name the host alone: the port is then the socket address's.
pub(super) fn client_listen(settings: &Settings, address: &str) -> Result<String, PlanError> {
    let Some(bind) = &settings.bind_address else { return Ok(address.to_owned()) };
    match split_address(bind) {
        Err(AddressError::NoPort(_)) => {
            let (_, port) = split_address(address).map_err(|source| bad("SOCKET_ADDRESS", source))?;
            checked("BIND_ADDRESS", &format!("{bind}:{port}"))
        }
        _ => checked("BIND_ADDRESS", bind),
    }
}

fn peer_addresses(settings: &Settings) -> Result<BTreeMap<String, String>, PlanError> {
    let mut addresses = BTreeMap::new();
    for item in &settings.peer_addresses.0 {
        let (client, peer) = item.split_once('=').ok_or_else(|| PlanError::BadPeerOverride(item.clone()))?;
        addresses.insert(checked("PEER_ADDRESSES", client.trim())?, checked("PEER_ADDRESSES", peer.trim())?);
    }
    Ok(addresses)
}

fn config_log(settings: &Settings) -> Result<ControlSettings, PlanError> {
    let (heartbeat_ms, election_min_ms) = (settings.config_log_heartbeat_ms, settings.config_log_election_min_ms);
    let election_max_ms = settings.config_log_election_max_ms;
    if heartbeat_ms >= election_min_ms || election_min_ms >= election_max_ms {
        return Err(PlanError::ElectionTimes { heartbeat_ms, election_min_ms, election_max_ms });
    }
    let replace_after_ms = settings.config_log_replace_after_ms;
    Ok(ControlSettings { heartbeat_ms, election_min_ms, election_max_ms, replace_after_ms, ..ControlSettings::default() })
}

fn journal(settings: &Settings) -> Result<JournalOptions, PlanError> {
    Ok(JournalOptions {
        policy: settings.fsync.parse()?,
        segment_bytes: settings.segment_bytes,
        snapshot_after_bytes: settings.snapshot_after_bytes,
        ..JournalOptions::new(Identity::default(), 0)
    })
}

fn accept(settings: &Settings) -> AcceptSettings {
    AcceptSettings {
        head_timeout_ms: settings.head_timeout_ms,
        body_timeout_ms: settings.body_timeout_ms,
        idle_timeout_ms: settings.idle_timeout_ms,
        write_timeout_ms: settings.write_timeout_ms,
        // The rest is for making everything durable.
        drain_timeout_ms: (settings.stop_timeout_ms - settings.drain_ms) / 2,
        max_head_bytes: settings.max_head_bytes,
        max_connections: settings.max_connections,
        max_connections_per_client: settings.max_connections_per_client,
    }
}

fn links(settings: &Settings) -> LinkSettings {
    let queue = QueueBounds { frames: settings.link_queue_frames, bytes: settings.link_queue_bytes };
    let inbox: InboxBounds = LinkSettings::default().inbox;
    LinkSettings { queue, inbox, link_timeout_ms: settings.link_timeout_ms }
}

fn node_settings(settings: &Settings) -> node::Settings {
    node::Settings {
        causal_wait_ms: settings.causal_wait_ms,
        repair_holdoff_ms: settings.repair_holdoff_ms,
        forward_timeout_ms: settings.forward_timeout_ms,
        write_concern_wait_ms: settings.write_concern_wait_ms,
        idle_interval_ms: settings.idle_interval_ms,
        busy_interval_ms: settings.busy_interval_ms,
        suspect_after_ms: settings.suspect_after_ms,
        down_after_ms: settings.down_after_ms,
        evict_after_ms: settings.evict_after_ms,
        drift_ms: settings.drift_ms,
        max_memory_bytes: settings.max_memory_bytes,
        tail_bytes: settings.tail_bytes,
        part_bytes: node::Settings::default().part_bytes,
        transfer_bytes_per_s: settings.transfer_bytes_per_s,
        token_entries: node::Settings::default().token_entries,
        operation_ttl_ms: settings.operation_ttl_ms,
        operation_limit: settings.operation_limit,
        hop_limit: settings.hop_limit,
        digest_interval_ms: settings.digest_interval_ms,
        waiting_limit: settings.waiting_limit,
    }
}

fn tokens(settings: &Settings) -> Result<TokenKeys, PlanError> {
    let Some(path) = settings.token_key_file.clone() else { return Ok(TokenKeys::default()) };
    let text = fs::read_to_string(&path).map_err(|source| PlanError::KeyFile { path: path.clone(), source })?;
    parse_token_keys(&text).map_err(|source| PlanError::BadKeyFile { path, source })
}
