//! Takes a backup: one replica of each shard is asked, all for the same time; what ends the attempt begins another.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    BackupArgs, BackupError,
    folder::{FORMAT, Manifest, ShardFile, ShardWriter, prepare},
};
use crate::http::{BackupPage, Client, NodeReport, Outgoing, backup_givers, backup_path};

/// Between two questions about what is not there yet.
const AGAIN: Duration = Duration::from_millis(100);

/// A replica that gives its shard.
struct Giver {
    shard: String,
    client: Client,
}

/// An attempt that came to nothing, and what was said.
enum Failed {
    /// Another one may do.
    Attempt(String),
    Backup(BackupError),
}

impl From<BackupError> for Failed {
    fn from(error: BackupError) -> Self {
        Self::Backup(error)
    }
}

/// Writes a whole backup.
pub(super) async fn take(args: &BackupArgs) -> Result<Manifest, BackupError> {
    prepare(&args.folder)?;
    let until = Instant::now() + Duration::from_millis(args.patience_ms);
    let mut margin_ms = args.margin_ms;
    loop {
        let last = match attempt(args, margin_ms, until).await {
            Ok(manifest) => return Ok(manifest),
            Err(Failed::Backup(error)) => return Err(error),
            Err(Failed::Attempt(last)) => last,
        };
        if Instant::now() >= until {
            return Err(BackupError::NotGiven { patience_ms: args.patience_ms, last });
        }
        margin_ms = margin_ms.saturating_mul(2).min(args.patience_ms / 4).max(args.margin_ms);
        sleep(AGAIN).await;
    }
}

async fn attempt(args: &BackupArgs, margin_ms: u64, until: Instant) -> Result<Manifest, Failed> {
    let deadline = Duration::from_millis(args.node.deadline_ms);
    let (mut givers, clock_ms) = givers(args, deadline).await?;
    let at_ms = clock_ms + margin_ms;
    let given = give(args, &mut givers, at_ms, until).await;
    for giver in &mut givers {
        // One that does not hear it ends it by itself.
        let _ = giver.client.send(Outgoing::new(Method::DELETE, backup_path(at_ms, None)), deadline).await;
    }
    let (epoch, files) = given?;
    let manifest = Manifest { format: FORMAT, at_ms, epoch, files };
    manifest.write(&args.folder)?;
    Ok(manifest)
}

/// A ready replica of each shard, and the latest clock of all nodes that answer: a write that was acknowledged before lies below it.
async fn givers(args: &BackupArgs, deadline: Duration) -> Result<(Vec<Giver>, u64), Failed> {
    let mut first = args.node.client().map_err(BackupError::from)?;
    let asked = status(&mut first, deadline).await?;
    let mut reports = Vec::new();
    for peer in asked.peers.iter().filter(|peer| peer.up) {
        reports.extend(status(&mut args.node.client_of(&peer.address).map_err(BackupError::from)?, deadline).await.ok());
    }
    reports.insert(0, asked);
    let clock_ms = reports.iter().map(|report| report.clock_ms).max().unwrap_or_default();
    let ready = backup_givers(&reports).map_err(|shard| Failed::Attempt(format!("no node of {shard} is ready")))?;
    let giver = |report: &NodeReport| {
        let client = args.node.client_of(&report.address).map_err(BackupError::from)?;
        Ok(Giver { shard: report.shard.clone().unwrap_or_default(), client })
    };
    Ok((ready.into_iter().map(giver).collect::<Result<_, Failed>>()?, clock_ms))
}

async fn status(client: &mut Client, deadline: Duration) -> Result<NodeReport, Failed> {
    ask(client, Outgoing::new(Method::GET, "/admin/status"), deadline).await
}

/// Begins at all of them, then takes all of it: the epoch of the config that all work by, and the files.
async fn give(args: &BackupArgs, givers: &mut [Giver], at_ms: u64, until: Instant) -> Result<(String, Vec<ShardFile>), Failed> {
    let deadline = Duration::from_millis(args.node.deadline_ms);
    let mut epochs = Vec::new();
    for giver in givers.iter_mut() {
        let begun: Value = ask(&mut giver.client, Outgoing::new(Method::PUT, backup_path(at_ms, None)), deadline).await?;
        if begun["shard"].as_str() != Some(giver.shard.as_str()) {
            return Err(Failed::Attempt(format!("{} holds {} now", giver.client.address(), begun["shard"])));
        }
        epochs.extend(begun["epoch"].as_str().map(str::to_owned));
    }
    epochs.dedup();
    let [epoch] = epochs.as_slice() else { return Err(Failed::Attempt("the nodes work by different configs".to_owned())) };
    // At once: a node that is not asked for long ends its part.
    let files = try_join_all(givers.iter_mut().map(|giver| giver.give(args, at_ms, until))).await?;
    Ok((epoch.clone(), files))
}

impl Giver {
    async fn give(&mut self, args: &BackupArgs, at_ms: u64, until: Instant) -> Result<ShardFile, Failed> {
        let deadline = Duration::from_millis(args.node.deadline_ms);
        let mut file = ShardWriter::create(&args.folder, &self.shard)?;
        let mut next = Some(0);
        while let Some(slot) = next {
            let asked = self.client.send_raw(Outgoing::new(Method::GET, backup_path(at_ms, Some(slot))), deadline).await;
            let (code, answer) = asked.map_err(|error| Failed::Attempt(error.to_string()))?;
            if code == 503 && Instant::now() < until {
                sleep(AGAIN).await;
                continue;
            }
            // From the text: a value's must not be parsed.
            let page: BackupPage = done(code, &answer)?;
            page.entries.iter().try_for_each(|entry| file.add(entry))?;
            next = page.next;
        }
        Ok(file.finish()?)
    }
}

async fn ask<T: DeserializeOwned>(client: &mut Client, request: Outgoing, deadline: Duration) -> Result<T, Failed> {
    let (code, answer) = client.send_raw(request, deadline).await.map_err(|error| Failed::Attempt(error.to_string()))?;
    done(code, &answer)
}

fn done<T: DeserializeOwned>(code: u16, answer: &[u8]) -> Result<T, Failed> {
    if code != 200 {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let said = format!("{code}: {}", answer["error"].as_str().unwrap_or("no reason given"));
        return Err(match code {
            404 | 409 | 503 => Failed::Attempt(said),
            // It will be no other the next time.
            _ => BackupError::Refused(said).into(),
        });
    }
    serde_json::from_slice(answer).map_err(|why| Failed::Attempt(why.to_string()))
}
