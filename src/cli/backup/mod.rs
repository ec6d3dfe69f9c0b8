//! `causeway backup` and `causeway restore`: the whole cluster as it was at one time, as files that any tool reads, and back.
//!
//! A backup holds exactly the writes up to its time, those of every session that had seen what it holds: see
//! [`begin_backup`](crate::node::Node::begin_backup). The cluster goes on meanwhile. A restore writes every key anew, into a cluster with
//! any number of shards: values come back, causal tokens of the old cluster do not count in the new one.
//!
//! Exit codes are those of [`client`](super::client).

mod folder;
mod restore;
mod take;

use std::path::PathBuf;

use thiserror::Error;

pub use self::restore::RestoreArgs;
use super::{CliError, access::AccessError, client::NodeArgs, say};

/// Why there is no backup, or none that can be used.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file of it.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The folder to write to holds something.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// A file is not what the manifest says: it was changed, or cut short.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// In what way.
        why: String,
    },
    /// Written by another version of this program.
    #[error("the backup has format {0}; this program reads format {expected}", expected = folder::FORMAT)]
    Format(u32),
    /// The cluster gave none within the patience.
    #[error("no backup within {patience_ms} ms: {last}")]
    NotGiven {
        /// How long was waited.
        patience_ms: u64,
        /// What was said last.
        last: String,
    },
    /// A node gives none, and would not later.
    #[error("no backup: {0}")]
    Refused(String),
    /// How the cluster is entered.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Keys are there that a restore would mix with its own.
    #[error("the cluster holds {0} keys; a restore needs an empty one (or --merge)")]
    NotAnEmptyCluster(u64),
    /// A key could not be written, or the cluster not be asked.
    #[error("{what:?} was not restored: {last}")]
    NotRestored {
        /// Which key, or what was asked for.
        what: String,
        /// What was said last.
        last: String,
    },
}

/// `causeway backup`.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The folder to write; it must be new, or empty
    folder: PathBuf,
    /// How far ahead of the clocks of all nodes the time of the backup lies at first
    #[arg(long, value_name = "MS", default_value_t = 500)]
    margin_ms: u64,
    /// How long to wait for nodes that are not heard from, and for a reshard to end
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    patience_ms: u64,
    #[command(flatten)]
    node: NodeArgs,
}

impl BackupArgs {
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let manifest = take::take(&self).await?;
        let keys: u64 = manifest.files.iter().map(|file| file.keys).sum();
        let shards = manifest.files.len();
        say(&format!("{keys} keys of {shards} shards as of {} in {}\n", manifest.at_ms, self.folder.display())).map(|()| 0)
    }
}
