//! The task that writes the file. Its disk calls may block its thread.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::{mpsc, oneshot};

use super::{
    ASIDE_PREFIX, CONTROL_NAME, Content, Record, TEMPORARY_NAME,
    frame::{HEAD_BYTES, Head, SECTOR_BYTES, decode_head, encode_frame, encode_head},
    scan::{Scan, scan},
    shelf::{Failure, Opened, Order, locked},
};
use crate::runtime::{Disk, DiskFile, Env, control::decided::Decided};

/// How often a file is read before it is taken for damaged: a read may go wrong where the disk does not.
const READS: usize = 3;

/// How much room a file has beyond what it holds.
const SPARE_BYTES: usize = 64 << 10;

/// A file longer than this, and than four times what it holds, is written anew.
const REWRITE_BYTES: usize = 256 << 10;

/// How long a write waits for room before it tries again.
const ROOM_WAIT_US: u64 = 200_000;

/// The file, open.
pub(super) struct Writer<E: Env, D: Decided> {
    env: E,
    file: Arc<<E::Disk as Disk>::File>,
    content: Arc<Mutex<Content<D>>>,
    chance: ChaCha8Rng,
    files: Arc<AtomicU64>,
    salt: u64,
    /// Where the next frame goes. All before it is durable, but for commit marks.
    end: usize,
    durable: usize,
    /// How long the file grows before it is written anew.
    rewrite_at: usize,
}

/// What is on the disk: recovered, or a file for a disk that has none.
pub(super) async fn recover<E: Env, D: Decided>(env: &E, files: Arc<AtomicU64>) -> io::Result<(Writer<E, D>, Opened)> {
    let disk = env.disk();
    let mut chance = ChaCha8Rng::seed_from_u64(env.random());
    let names = disk.list().await?;
    if names.iter().any(|name| name == TEMPORARY_NAME) {
        disk.remove(TEMPORARY_NAME).await?;
    }
    if !names.iter().any(|name| name == CONTROL_NAME) {
        let content = Content::new(chance.next_u32());
        return Ok((Writer::create(env, content, chance, files).await?, Opened::Empty));
    }
    for _ in 0..READS {
        let file = disk.open(CONTROL_NAME).await?;
        let mut bytes = vec![0; file.size().await? as usize];
        file.read_at(0, &mut bytes).await?;
        let (salt, payloads, end) = match scan(&bytes) {
            Scan::Whole { salt, payloads, end } => (salt, payloads, end),
            Scan::Damaged { .. } => continue,
            Scan::Newer(version) => {
                return Err(io::Error::other(format!("its format version {version} is newer than this program")));
            }
        };
        let Some(content) = Content::replay(&payloads) else { continue };
        bytes[end..].fill(0);
        file.write_at(0, &bytes).await?;
        file.sync().await?;
        disk.sync_dir().await?;
        let content = Arc::new(Mutex::new(content));
        let mut writer =
            Writer { env: env.clone(), file, content, chance, files, salt, end, durable: end, rewrite_at: REWRITE_BYTES };
        writer.seal().await;
        return Ok((writer, Opened::Whole));
    }
    let aside = set_aside(env, chance.next_u64()).await?;
    let content = Content::new(chance.next_u32());
    Ok((Writer::create(env, content, chance, files).await?, Opened::Damaged { aside }))
}

/// The version of a disk's file, if a later version of this program wrote it.
///
/// # Errors
/// The disk cannot be read.
pub async fn newer_version<D: Disk>(disk: &D) -> io::Result<Option<u8>> {
    if !disk.list().await?.iter().any(|name| name == CONTROL_NAME) {
        return Ok(None);
    }
    let file = disk.open(CONTROL_NAME).await?;
    let mut head = [0; HEAD_BYTES];
    if file.size().await? < HEAD_BYTES as u64 {
        return Ok(None);
    }
    file.read_at(0, &mut head).await?;
    match decode_head(&head) {
        Some(Head::Newer(version)) => Ok(Some(version)),
        _ => Ok(None),
    }
}

fn aside_name(random: u64) -> String {
    format!("{ASIDE_PREFIX}{random:016x}")
}

/// Renames the file, durably, and says how it is called now.
async fn set_aside<E: Env>(env: &E, random: u64) -> io::Result<String> {
    let aside = aside_name(random);
    env.disk().rename(CONTROL_NAME, &aside).await?;
    env.disk().sync_dir().await?;
    Ok(aside)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

impl<E: Env, D: Decided> Writer<E, D> {
    /// Writes a whole file under another name, and then gives it its own.
    async fn create(env: &E, content: Content<D>, mut chance: ChaCha8Rng, files: Arc<AtomicU64>) -> io::Result<Self> {
        let salt = chance.next_u64();
        let (file, end) = write_anew(env, &content, salt).await?;
        let content = Arc::new(Mutex::new(content));
        let mut writer =
            Self { env: env.clone(), file, content, chance, files, salt, end, durable: end, rewrite_at: REWRITE_BYTES };
        writer.seal().await;
        Ok(writer)
    }

    /// What the file holds.
    pub fn content(&self) -> Arc<Mutex<Content<D>>> {
        self.content.clone()
    }

    /// Does what it is told until nobody is left to tell it, or it fails.
    pub async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order<D>>) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Keep(bound, _, done) if bound.is_some_and(|bound| bound != self.files.load(Ordering::Relaxed)) => {
                    let _ = done.send(Err(Failure("it was set aside".to_owned())));
                }
                Order::Keep(_, record, done) => {
                    let kept = self.keep(record).await;
                    let failed = kept.is_err();
                    let _ = done.send(kept);
                    if failed {
                        let random = self.chance.next_u64();
                        let _ = set_aside(&self.env, random).await;
                        return;
                    }
                }
                Order::Leave(content, done) => {
                    let left = self.leave(*content).await;
                    let failed = left.is_err();
                    let _ = done.send(left);
                    if failed {
                        return;
                    }
                }
            }
        }
    }

    /// Writes a record, makes it durable, and only then lets others see it.
    async fn keep(&mut self, record: Record<D>) -> Result<(), Failure> {
        let payload = postcard::to_allocvec(&record).map_err(|error| Failure(error.to_string()))?;
        let mut bytes = Vec::new();
        encode_frame(&payload, (self.salt, self.end as u64, self.durable as u64), &mut bytes);
        self.write(&bytes).await?;
        self.end += bytes.len();
        if !matches!(record, Record::Committed(_)) {
            self.file.sync().await.map_err(Failure::of)?;
            self.durable = self.end;
            self.seal().await;
        }
        locked(&self.content).apply(record);
        if self.end >= self.rewrite_at {
            self.rewrite().await?;
        }
        Ok(())
    }

    /// Writes at the end. Waits for room where there is none.
    async fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        loop {
            match self.file.write_at(self.end as u64, bytes).await {
                Ok(()) => return Ok(()),
                // What is there of it is a torn tail, and will be written over.
                Err(error) if is_full(&error) => {}
                Err(error) => return Err(Failure::of(error)),
            }
            self.env.sleep_until(self.env.now().monotonic_us + ROOM_WAIT_US).await;
        }
    }

    /// Says that the last frame is durable. Where there is no room for it, damage of that frame looks like a torn write.
    async fn seal(&mut self) {
        let mut bytes = Vec::new();
        encode_frame(&[], (self.salt, self.end as u64, self.durable as u64), &mut bytes);
        let _ = self.file.write_at(self.end as u64, &bytes).await;
    }

    /// Writes the file anew, if that makes it much shorter. Where there is no room for that, it goes on as it is.
    async fn rewrite(&mut self) -> Result<(), Failure> {
        let content = locked(&self.content).clone();
        let needed: usize =
            content.records().iter().filter_map(|record| postcard::experimental::serialized_size(record).ok()).sum();
        self.rewrite_at = REWRITE_BYTES.max(4 * needed);
        if self.end < self.rewrite_at {
            return Ok(());
        }
        let salt = self.chance.next_u64();
        match write_anew(&self.env, &content, salt).await {
            Ok((file, end)) => {
                (self.file, self.salt, self.end, self.durable) = (file, salt, end, end);
                self.seal().await;
                Ok(())
            }
            Err(error) if is_full(&error) => {
                let _ = self.env.disk().remove(TEMPORARY_NAME).await;
                self.rewrite_at = self.end + REWRITE_BYTES / 4;
                Ok(())
            }
            Err(error) => Err(Failure::of(error)),
        }
    }

    /// Begins another file in the place of this one, of which a copy stays. At no time is there no file: without one this would
    /// be an empty disk, which may found.
    async fn leave(&mut self, content: Content<D>) -> Result<(), Failure> {
        let (random, salt) = (self.chance.next_u64(), self.chance.next_u64());
        match self.copy_aside(random).await {
            // Where there is no room for the copy, going on matters more.
            Err(error) if is_full(&error) => drop(self.env.disk().remove(&aside_name(random)).await),
            copied => copied.map_err(Failure::of)?,
        }
        let (file, end) = write_anew(&self.env, &content, salt).await.map_err(Failure::of)?;
        (self.file, self.salt, self.end, self.durable) = (file, salt, end, end);
        self.seal().await;
        *locked(&self.content) = content;
        self.files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn copy_aside(&self, random: u64) -> io::Result<()> {
        let mut bytes = vec![0; self.end];
        self.file.read_at(0, &mut bytes).await?;
        let copy = self.env.disk().open(&aside_name(random)).await?;
        copy.write_at(0, &bytes).await?;
        copy.sync().await
    }
}

/// Writes a whole file beside the old one and renames it over that. Until then nothing has changed.
async fn write_anew<E: Env, D: Decided>(
    env: &E,
    content: &Content<D>,
    salt: u64,
) -> io::Result<(Arc<<E::Disk as Disk>::File>, usize)> {
    let mut bytes = encode_head(salt);
    for record in content.records() {
        let payload = postcard::to_allocvec(&record).map_err(io::Error::other)?;
        let offset = bytes.len() as u64;
        // All of it is durable before the file gets its name.
        encode_frame(&payload, (salt, offset, u64::MAX), &mut bytes);
    }
    let end = bytes.len();
    bytes.resize((end + SPARE_BYTES).next_multiple_of(SECTOR_BYTES), 0);
    let disk = env.disk();
    let file = disk.open(TEMPORARY_NAME).await?;
    file.truncate(0).await?;
    file.write_at(0, &bytes).await?;
    file.sync().await?;
    disk.rename(TEMPORARY_NAME, CONTROL_NAME).await?;
    disk.sync_dir().await?;
    Ok((file, end))
}

/// What the file holds, and what was there before.
pub(super) type Found<D> = (Arc<Mutex<Content<D>>>, Opened);

/// Opens the file and serves it, in one task.
pub(super) async fn serve<E: Env, D: Decided>(
    env: E,
    files: Arc<AtomicU64>,
    opened: oneshot::Sender<io::Result<Found<D>>>,
    orders: mpsc::UnboundedReceiver<Order<D>>,
) {
    match recover::<E, D>(&env, files).await {
        Ok((writer, how)) => {
            if opened.send(Ok((writer.content(), how))).is_ok() {
                writer.run(orders).await;
            }
        }
        Err(error) => {
            let _ = opened.send(Err(error));
        }
    }
}
