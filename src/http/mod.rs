//! HTTP: the course dialect, health and metrics, the accept loop, and a small client. The only room that names axum.
//!
//! A request goes through [`Api`] (which path), `guard` where not everybody may enter, one handler (`kvs`, `view`, `shard`, `reshard`,
//! `status`, `admin`, `backup`, `health`, `scrape`: legal or not, and what to ask) and the node's [`Handle`](crate::runtime::Handle). The API reads no clock, sets no timer and starts no task: what it needs of time comes in
//! with [`App::clock`], what bounds a connection in time is in the accept loop. So the same API runs in simulation.

mod accept;
mod admin;
mod api;
mod app;
mod backup;
mod body;
mod client;
mod error;
mod guard;
mod health;
mod json;
mod key;
mod kvs;
mod metrics;
mod observe;
mod reshard;
mod route;
mod scrape;
mod shard;
mod status;
mod view;
mod waiting;
mod write_headers;

pub use accept::{AcceptSettings, ClientTls, Server};
pub use api::Api;
pub use app::{App, Clock, Limits, MoreMetrics};
pub use backup::{BackupEntry, BackupPage, backup_givers, backup_path};
pub use body::BodyTimedOut;
pub use client::{Access, BadToken, Client, ClientError, Outgoing};
pub use error::HttpError;
pub use guard::{ClientTokens, Door, Guard, Role};
pub use json::{JsonError, MAX_DEPTH};
pub use key::{KEY_PREFIX, KeyError, decode_key, key_path};
pub use metrics::HttpMetrics;
pub use reshard::{MoveReport, ReshardReport, TakerReport};
pub use route::Route;
pub use status::{NodeReport, PeerReport, ShardReport, TransferReport};
