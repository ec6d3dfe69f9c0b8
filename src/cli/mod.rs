//! The command line: one binary that serves, runs a whole cluster on one machine, and talks to clusters.
//!
//! One file a command. A command's text goes to standard output, what went wrong to standard error, and the exit code tells scripts
//! which of the two it was: see [`CliError::exit_code`] and [`client`].

#![expect(clippy::disallowed_methods, reason = "this is the real world: its environment, clocks and tasks are real")]
#![expect(clippy::disallowed_macros, reason = "this is what speaks to the terminal")]

pub mod access;
pub mod backup;
pub mod certs;
pub mod client;
pub mod client_tokens;
pub mod cluster;
pub mod config;
mod join;
pub mod list;
pub mod log;
pub mod logs;
mod metrics;
pub mod place;
pub mod plan;
pub mod probe;
pub mod recover;
pub mod reshard;
pub mod security;
pub mod serve;
pub mod session;
pub mod settings;
pub mod sources;
pub mod status;
mod stop;
pub mod token_keys;

use std::io::{self, Write};

use clap::{CommandFactory, Parser, Subcommand};
use thiserror::Error;

use crate::runtime::{journal::JournalError, tokio::FolderError};

/// A sharded, replicated, causally consistent key-value store that goes on writing during a partition.
#[derive(Debug, Parser)]
#[command(name = "causeway", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do. Without one, a process whose environment says which node it is serves.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run one node
    Serve(serve::ServeArgs),
    /// Run a whole cluster on this machine until Ctrl-C
    Cluster(cluster::ClusterArgs),
    /// Make an authority, certificates, keys and tokens for a first try of a secure cluster
    Certs(certs::CertsArgs),
    /// Print the value of a key
    Get(client::Get),
    /// Give a key a value
    Put(client::Put),
    /// Delete a key
    Delete(client::Delete),
    /// Ask for another number of shards, call that off, or show how far it is
    Reshard(reshard::ReshardArgs),
    /// Show every node and shard of a cluster
    Status(status::StatusArgs),
    /// Write the whole cluster, as it was at one time, to files
    Backup(backup::BackupArgs),
    /// Write a backup into an empty cluster, with any number of shards
    Restore(backup::RestoreArgs),
    /// Have one node go on alone with the config log: for when a majority of its voters is lost for good
    ForceRecover(recover::RecoverArgs),
    /// Look into the data folder of a node
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Look at settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask this machine's node whether it is ready; for containers
    Healthcheck(sources::Sources),
}

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CliError {
    /// Settings that cannot be read.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// Settings from which no node can be started.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// Settings by which nothing can be logged.
    #[error(transparent)]
    Logs(#[from] logs::LogsError),
    /// Neither a command nor a node's variables.
    #[error("no command, and no SOCKET_ADDRESS in the environment\n\n{0}")]
    NoCommand(String),
    /// A node that does not answer, or whose answer is no answer.
    #[error(transparent)]
    Client(#[from] crate::http::ClientError),
    /// A folder of `causeway certs`.
    #[error(transparent)]
    Certs(#[from] certs::CertsError),
    /// Nothing to enter a secure cluster with.
    #[error(transparent)]
    Access(#[from] access::AccessError),
    /// The node is not ready.
    #[error("not ready: {0}")]
    NotReady(String),
    /// The data folder cannot be opened.
    #[error("data folder {0}")]
    Folder(#[from] FolderError),
    /// What is in the data folder cannot be used.
    #[error("data folder: {0}")]
    Journal(#[from] JournalError),
    /// The port is taken, or the address is not this machine's.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The cluster of `causeway cluster`.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// The node ended although nobody told it to.
    #[error("the node ended by itself; the log says why")]
    Ended,
    /// Not everything was answered when the process ended. What was acknowledged is as durable as the fsync policy makes it.
    #[error("the stop was cut short")]
    StopCutShort,
    /// A backup.
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    /// The session file.
    #[error(transparent)]
    Session(#[from] session::SessionError),
    /// The terminal, or another file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CliError {
    /// 1 where a node could not run, 2 for a wrong start, whose text says what to change, 4 where a write may still take effect, 3
    /// for all else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Folder(_) | Self::Cluster(_) | Self::Listen { .. } | Self::Ended | Self::StopCutShort => 1,
            Self::Journal(JournalError::OtherCluster { .. } | JournalError::OtherNode { .. }) => 2,
            Self::Journal(_) => 1,
            Self::Settings(_) | Self::Plan(_) | Self::Logs(_) | Self::NoCommand(_) | Self::Access(_) => 2,
            Self::Client(error) if error.may_take_effect() => client::EXIT_UNKNOWN,
            _ => client::EXIT_FAILED,
        }
    }
}

impl Cli {
    /// Does what the command line says; the exit code.
    ///
    /// # Errors
    /// Why it could not be done.
    pub async fn run(self) -> Result<u8, CliError> {
        match self.command {
            Some(Command::Serve(args)) => serve::serve(&args).await,
            Some(Command::Cluster(args)) => args.run().await,
            Some(Command::Certs(certs)) => certs.run(),
            Some(Command::Get(get)) => get.run().await,
            Some(Command::Put(put)) => put.run().await,
            Some(Command::Delete(delete)) => delete.run().await,
            Some(Command::Reshard(reshard)) => reshard.run().await,
            Some(Command::Status(status)) => status.run().await,
            Some(Command::Backup(backup)) => backup.run().await,
            Some(Command::Restore(restore)) => restore.run().await,
            Some(Command::ForceRecover(recover)) => recover.run().await,
            Some(Command::Log(log)) => log.run(),
            Some(Command::Config(config)) => say(&config.run()?).map(|()| 0),
            Some(Command::Healthcheck(sources)) => probe::healthcheck(&sources).await,
            None if sources::names_a_node(std::env::vars()) => serve::serve(&serve::ServeArgs::default()).await,
            None => Err(CliError::NoCommand(Self::command().render_help().to_string())),
        }
    }
}

/// Writes to standard output; one that was closed, as by `head`, is no error.
fn say(text: &str) -> Result<(), CliError> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
