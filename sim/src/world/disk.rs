//! A node's disk: one folder of files that outlives the node's processes.
//!
//! Reads and writes take no time (they end in the page cache); syncs do. What is not synced is at the mercy of
//! [`Disk::crash`]: contents by sector (see `contents`), names by order: some first part of the creations, removals and renames
//! since the last `sync_dir` survives, as in a journal of a file system.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::runtime as rt;
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{World, contents::Contents, life::Life};

/// What a disk does wrong. Every field is a fault; the default is a healthy disk.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskSettings {
    /// How long a sync takes, in microseconds: drawn evenly for each.
    pub sync_us: RangeInclusive<u64>,
    /// By how much longer syncs take than that; 1 is healthy.
    pub slowness: u64,
    /// How many bytes all files together may have; `None` is no bound.
    pub capacity_bytes: Option<u64>,
    /// Whether syncs succeed.
    pub syncs: Syncs,
    /// The probability that a sector with a write that was not synced survives a loss of power.
    pub survival: f64,
}

/// Whether syncs succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Syncs {
    /// They do.
    Succeed,
    /// They fail, and what they should have made durable never is.
    Fail,
}

/// How a stored sector is spoilt, without any call failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rot {
    /// One of its bits flips.
    FlippedBit,
    /// It is overwritten with what another sector of the file holds.
    MisdirectedWrite,
}

impl fmt::Display for Rot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlippedBit => "a bit flips",
            Self::MisdirectedWrite => "a write goes to the wrong place",
        })
    }
}

impl Default for DiskSettings {
    fn default() -> Self {
        Self { sync_us: 100..=800, slowness: 1, capacity_bytes: None, syncs: Syncs::Succeed, survival: 0.5 }
    }
}

impl fmt::Display for DiskSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sync_us, slowness, capacity_bytes, syncs, survival } = self;
        write!(f, "sync {}..{} us x {slowness}, survival {survival}", sync_us.start(), sync_us.end())?;
        if let Some(capacity) = capacity_bytes {
            write!(f, ", {capacity} bytes")?;
        }
        f.write_str(if *syncs == Syncs::Fail { ", syncs fail" } else { "" })
    }
}

/// What became of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskStats {
    /// Syncs of files and of the folder that succeeded.
    pub syncs: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Writes that found no room.
    pub full: u64,
    /// Sectors with writes that were not synced and survived a crash.
    pub sectors_kept: u64,
    /// Sectors with writes that were not synced and were lost in a crash.
    pub sectors_lost: u64,
    /// Changes of names that were lost in a crash.
    pub names_lost: u64,
    /// Stored sectors that were spoilt.
    pub rotten: u64,
}

type SharedContents = Arc<Mutex<Contents>>;
type Names = BTreeMap<String, SharedContents>;

enum NameChange {
    Create(String, SharedContents),
    Remove(String),
    Rename(String, String),
}

impl NameChange {
    fn apply(self, names: &mut Names) {
        match self {
            Self::Create(name, contents) => drop(names.insert(name, contents)),
            Self::Remove(name) => drop(names.remove(&name)),
            Self::Rename(from, to) => {
                if let Some(contents) = names.remove(&from) {
                    names.insert(to, contents);
                }
            }
        }
    }
}

struct State {
    settings: DiskSettings,
    names: Names,
    durable_names: Names,
    /// Changes that are in `names` and not yet in `durable_names`, numbered.
    changes: VecDeque<(u64, NameChange)>,
    next_change: u64,
    random: ChaCha8Rng,
    stats: DiskStats,
}

/// One node's disk.
pub(super) struct Disk {
    state: Mutex<State>,
}

impl Disk {
    pub fn new(random: ChaCha8Rng) -> Self {
        Self {
            state: Mutex::new(State {
                settings: DiskSettings::default(),
                names: Names::new(),
                durable_names: Names::new(),
                changes: VecDeque::new(),
                next_change: 0,
                random,
                stats: DiskStats::default(),
            }),
        }
    }

    /// Changes what the disk does wrong.
    pub fn change(&self, change: impl FnOnce(&mut DiskSettings)) -> DiskSettings {
        let mut state = self.state();
        change(&mut state.settings);
        state.settings.clone()
    }

    /// What became of it so far.
    pub fn stats(&self) -> DiskStats {
        self.state().stats
    }

    /// The sizes of all files together.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// The machine loses power.
    pub fn crash(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        let survivors = state.random.random_range(0..=state.changes.len());
        state.stats.names_lost += (state.changes.len() - survivors) as u64;
        for (_, change) in std::mem::take(&mut state.changes).into_iter().take(survivors) {
            change.apply(&mut state.durable_names);
        }
        state.names = state.durable_names.clone();
        for contents in state.names.values() {
            let damage = lock(contents).crash(&mut state.random, state.settings.survival);
            state.stats.sectors_kept += damage.kept;
            state.stats.sectors_lost += damage.lost;
        }
    }

    /// Loses everything.
    pub fn wipe(&self) {
        let mut state = self.state();
        state.names.clear();
        state.durable_names.clear();
        state.changes.clear();
    }

    /// Spoils a durable sector of some file whose name begins so. Returns where, or `None` when there is nothing to spoil.
    pub fn rot(&self, rot: Rot, prefix: &str) -> Option<(String, usize)> {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut names: Vec<&String> = state.names.keys().filter(|name| name.starts_with(prefix)).collect();
        names.retain(|name| lock(&state.names[*name]).size() > 0);
        let name = (*names.choose(&mut state.random)?).clone();
        let mut contents = lock(&state.names[&name]);
        let offset = match rot {
            Rot::FlippedBit => contents.flip_bit(&mut state.random),
            Rot::MisdirectedWrite => contents.misdirect(&mut state.random),
        }?;
        state.stats.rotten += 1;
        drop(contents);
        Some((name, offset))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.values().map(|contents| lock(contents).size() as u64).sum()
    }

    fn change_name(&mut self, change: NameChange) {
        self.next_change += 1;
        self.changes.push_back((self.next_change, change));
    }

    fn sync_takes_us(&mut self) -> u64 {
        self.random.random_range(self.settings.sync_us.clone()) * self.settings.slowness
    }

    fn finish_sync(&mut self) -> io::Result<()> {
        match self.settings.syncs {
            Syncs::Succeed => {
                self.stats.syncs += 1;
                Ok(())
            }
            Syncs::Fail => {
                self.stats.failed_syncs += 1;
                Err(io::Error::other("input/output error"))
            }
        }
    }
}

/// The disk as one process sees it. Calls of a process that is dead have no effect and never return.
#[derive(Clone)]
pub struct ProcessDisk {
    disk: Arc<Disk>,
    life: Arc<Life>,
    world: Arc<World>,
}

/// A file as one process sees it.
pub struct ProcessFile {
    contents: SharedContents,
    disk: ProcessDisk,
}

impl ProcessDisk {
    pub(super) fn new(disk: Arc<Disk>, life: Arc<Life>, world: Arc<World>) -> Self {
        Self { disk, life, world }
    }

    /// The disk, if the process lives; else waits for ever.
    async fn living(&self) -> MutexGuard<'_, State> {
        self.life.or_never().await;
        self.disk.state()
    }

    async fn pass(&self, time_us: u64) {
        self.world.sleep_us(time_us).await;
        self.life.or_never().await;
    }
}

impl rt::Disk for ProcessDisk {
    type File = ProcessFile;

    async fn open(&self, name: &str) -> io::Result<Arc<ProcessFile>> {
        let mut state = self.living().await;
        let contents = match state.names.get(name) {
            Some(contents) => contents.clone(),
            None => {
                let contents = SharedContents::default();
                state.names.insert(name.to_owned(), contents.clone());
                state.change_name(NameChange::Create(name.to_owned(), contents.clone()));
                contents
            }
        };
        Ok(Arc::new(ProcessFile { contents, disk: self.clone() }))
    }

    async fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.living().await.names.keys().cloned().collect())
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.living().await;
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.change_name(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.living().await;
        let contents = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), contents);
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    async fn sync_dir(&self) -> io::Result<()> {
        let (upto, takes_us) = {
            let mut state = self.living().await;
            (state.next_change, state.sync_takes_us())
        };
        self.pass(takes_us).await;
        let mut guard = self.disk.state();
        let state = &mut *guard;
        state.finish_sync()?;
        while let Some((_, change)) = state.changes.pop_front_if(|(number, _)| *number <= upto) {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }
}

impl rt::DiskFile for ProcessFile {
    async fn size(&self) -> io::Result<u64> {
        self.disk.life.or_never().await;
        Ok(lock(&self.contents).size() as u64)
    }

    async fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.life.or_never().await;
        let contents = lock(&self.contents);
        let bytes = contents.read(offset as usize, buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.living().await;
        let room = match state.settings.capacity_bytes {
            None => usize::MAX,
            Some(capacity) => {
                let free = capacity.saturating_sub(state.used_bytes()) as usize;
                let end = lock(&self.contents).size().saturating_add(free);
                end.saturating_sub(offset as usize)
            }
        };
        let fits = bytes.len().min(room);
        lock(&self.contents).write(offset as usize, &bytes[..fits]);
        if fits < bytes.len() {
            state.stats.full += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    async fn truncate(&self, size: u64) -> io::Result<()> {
        self.disk.life.or_never().await;
        lock(&self.contents).resize(size as usize);
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        let takes_us = self.disk.living().await.sync_takes_us();
        let layer = lock(&self.contents).close_layer();
        self.disk.pass(takes_us).await;
        let outcome = self.disk.disk.state().finish_sync();
        let mut contents = lock(&self.contents);
        match outcome {
            Ok(()) => contents.settle(layer),
            Err(_) => contents.doom(layer),
        }
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
