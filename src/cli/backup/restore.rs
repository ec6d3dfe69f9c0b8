//! Writes a backup into a cluster: every key is put anew, from many connections at once.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::future::{try_join, try_join_all};
use hyper::Method;
use serde_json::Value;
use tokio::{
    sync::{Mutex, mpsc},
    time::sleep,
};
use xxhash_rust::xxh3::xxh3_64;

use super::{BackupError, folder::Manifest};
use crate::{
    cli::{CliError, client::NodeArgs, say},
    http::{BackupEntry, Client, Outgoing, key_path},
};

const AGAIN: Duration = Duration::from_millis(100);
/// How many entries wait for a connection.
const AHEAD: usize = 1_024;

/// `causeway restore`.
#[derive(Debug, Clone, clap::Args)]
pub struct RestoreArgs {
    /// The folder that `causeway backup` has written
    folder: PathBuf,
    /// How many keys to write at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// On how many replicas each key must be durable
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    write_concern: u8,
    /// Write into a cluster that holds keys too: those of the backup are written over, the others stay
    #[arg(long)]
    merge: bool,
    /// How long to go on with a key that is refused
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    patience_ms: u64,
    #[command(flatten)]
    node: NodeArgs,
}

impl RestoreArgs {
    pub(in crate::cli) async fn run(self) -> Result<u8, CliError> {
        let manifest = Manifest::read(&self.folder)?;
        let before = self.count_keys().await?;
        if before > 0 && !self.merge {
            return Err(BackupError::NotAnEmptyCluster(before).into());
        }
        let keys: u64 = manifest.files.iter().map(|file| file.keys).sum();
        self.write(&manifest).await?;
        say(&format!("{keys} keys restored\n")).map(|()| 0)
    }

    /// How many keys the cluster holds, by its shards.
    async fn count_keys(&self) -> Result<u64, BackupError> {
        let mut client = self.node.client()?;
        let ids = self.until_done(&mut client, "shard-ids", || Outgoing::new(Method::GET, "/shard/ids")).await?;
        let mut count = 0;
        for shard in ids["shard-ids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = format!("/shard/key-count/{shard}");
            let counted = self.until_done(&mut client, shard, || Outgoing::new(Method::GET, path.as_str())).await?;
            count += counted["shard-key-count"].as_u64().unwrap_or_default();
        }
        Ok(count)
    }

    /// Writes all keys, or fails with the first that cannot be written.
    async fn write(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let (entries, queue) = mpsc::channel(AHEAD);
        let queue = Mutex::new(queue);
        // Of this run alone: a key may be written over between two restores.
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let writers = (0..self.connections).map(|_| self.write_from(&queue, run));
        let reader = async move {
            for file in &manifest.files {
                for entry in file.entries(&self.folder)? {
                    // Who receives has failed, and says why.
                    let _ = entries.send(entry?).await;
                }
            }
            Ok(())
        };
        try_join(reader, try_join_all(writers)).await.map(drop)
    }

    async fn write_from(&self, queue: &Mutex<mpsc::Receiver<BackupEntry>>, run: u128) -> Result<(), BackupError> {
        let mut client = self.node.client()?;
        loop {
            let Some(entry) = queue.lock().await.recv().await else { return Ok(()) };
            let operation = format!("restore-{run:x}-{:016x}", xxh3_64(entry.key.as_bytes()));
            // By hand, since a value's text must not be parsed again.
            let body = format!(r#"{{"value":{}}}"#, entry.value);
            let put = || {
                let put = Outgoing::new(Method::PUT, key_path(&entry.key)).json_text(body.clone());
                put.header("idempotency-key", operation.clone()).header("write-concern", self.write_concern.to_string())
            };
            self.until_done(&mut client, &entry.key, put).await?;
        }
    }

    /// Sends a request until it is done, or has been refused for longer than the patience.
    async fn until_done(&self, client: &mut Client, what: &str, request: impl Fn() -> Outgoing) -> Result<Value, BackupError> {
        let deadline = Duration::from_millis(self.node.deadline_ms);
        let until = Instant::now() + Duration::from_millis(self.patience_ms);
        loop {
            let last = match client.send(request(), deadline).await {
                Ok((200 | 201, answer)) => return Ok(answer),
                Ok((code, answer)) => {
                    let last = format!("{code}: {}", answer["error"].as_str().unwrap_or("no reason given"));
                    if !matches!(code, 503 | 504) {
                        return Err(BackupError::NotRestored { what: what.to_owned(), last });
                    }
                    last
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() >= until {
                return Err(BackupError::NotRestored { what: what.to_owned(), last });
            }
            sleep(AGAIN).await;
        }
    }
}
