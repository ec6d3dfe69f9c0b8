//! A node's disk: one folder of files that outlives the node's processes.
//!
//! Reads and writes take no time (they end in the page cache); syncs do. What is not synced is at the mercy of
//! [`Disk::crash`]: contents by sector (see `contents`), names by order: some first part of the creations, removals and renames
//! since the last `sync_dir` survives, as in a journal of a file system.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use causeway::runtime as rt;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    World,
    contents::Contents,
    disk_settings::{DiskSettings, DiskStats, Rot, Syncs},
    life::Life,
    lock,
};
use crate::streams::{Chance, Moment, Purpose, Streams};

/// What a read of a slow disk takes for each time that it is slower, in microseconds.
const SLOW_READ_US: u64 = 10;

/// What chance decides on a disk. The numbers are part of what a seed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// How long a sync takes.
    Sync = 0,
    /// Which names a loss of power leaves.
    LoseNames = 1,
    /// Which sectors of a file it leaves.
    LoseSectors = 2,
    /// Which bit of a read is wrong.
    Read = 3,
    /// Where a write goes.
    Write = 4,
    /// What rots.
    Rot = 5,
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
    node: u64,
    streams: Streams,
    moments: BTreeMap<(Act, u64), Moment>,
    settings: DiskSettings,
    names: Names,
    durable_names: Names,
    /// Changes that are in `names` and not yet in `durable_names`, numbered.
    changes: VecDeque<(u64, NameChange)>,
    next_change: u64,
    stats: DiskStats,
}

/// One node's disk.
pub(super) struct Disk {
    state: Mutex<State>,
}

impl Disk {
    pub fn new(node: u32, streams: Streams) -> Self {
        Self {
            state: Mutex::new(State {
                node: node.into(),
                streams,
                moments: BTreeMap::new(),
                settings: DiskSettings::default(),
                names: Names::new(),
                durable_names: Names::new(),
                changes: VecDeque::new(),
                next_change: 0,
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
    pub fn crash(&self, now_us: u64) {
        let mut guard = self.state();
        let state = &mut *guard;
        let survivors = state.chance(Act::LoseNames, 0, now_us).below(state.changes.len() as u64 + 1) as usize;
        state.stats.names_lost += (state.changes.len() - survivors) as u64;
        for (_, change) in std::mem::take(&mut state.changes).into_iter().take(survivors) {
            change.apply(&mut state.durable_names);
        }
        state.names = state.durable_names.clone();
        for (name, contents) in &state.names {
            let key = |sector| [state.node, Act::LoseSectors as u64, key_of(name), now_us, sector];
            let chance = |sector| state.streams.at(now_us).keyed(Purpose::Disk, key(sector));
            let damage = lock(contents).crash(chance, state.settings.survival);
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
    pub fn rot(&self, rot: Rot, prefix: &str, now_us: u64) -> Option<(String, usize)> {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut chance = state.chance(Act::Rot, 0, now_us);
        let mut names: Vec<&String> = state.names.keys().filter(|name| name.starts_with(prefix)).collect();
        names.retain(|name| lock(&state.names[*name]).size() > 0);
        let name = (*chance.pick(&names)?).clone();
        let mut contents = lock(&state.names[&name]);
        let offset = match rot {
            Rot::FlippedBit => contents.flip_bit(chance),
            Rot::MisdirectedWrite => contents.misdirect(chance),
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

    fn chance(&mut self, act: Act, file: u64, now_us: u64) -> Chance {
        let count = self.moments.entry((act, file)).or_default().next(now_us);
        self.streams.at(now_us).keyed(Purpose::Disk, [self.node, act as u64, file, now_us, count])
    }

    fn sync_takes_us(&mut self, file: u64, now_us: u64) -> u64 {
        self.chance(Act::Sync, file, now_us).between(&self.settings.sync_us) * self.settings.slowness
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
    /// Stands for the name under which it was opened.
    key: u64,
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
        self.world.sleep_on(self.life.node, time_us).await;
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
        Ok(Arc::new(ProcessFile { key: key_of(name), contents, disk: self.clone() }))
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
            (state.next_change, state.sync_takes_us(0, self.world.now_us()))
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
        let slowness = self.disk.living().await.settings.slowness;
        if slowness > 1 {
            self.disk.pass(SLOW_READ_US * slowness).await;
        }
        let bytes = lock(&self.contents);
        buffer.copy_from_slice(bytes.read(offset as usize, buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        drop(bytes);
        let mut state = self.disk.disk.state();
        let mut chance = state.chance(Act::Read, self.key, self.disk.world.now_us());
        if chance.happens(state.settings.flips) && !buffer.is_empty() {
            buffer[chance.below(buffer.len() as u64) as usize] ^= 1 << chance.below(8);
            state.stats.flipped += 1;
        }
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
        let mut chance = state.chance(Act::Write, self.key, self.disk.world.now_us());
        let goes_astray = chance.happens(state.settings.misdirection);
        let mut contents = lock(&self.contents);
        if goes_astray && contents.write_astray(offset as usize, &bytes[..fits], chance) {
            state.stats.misdirected += 1;
        } else {
            contents.write(offset as usize, &bytes[..fits]);
        }
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
        let takes_us = self.disk.living().await.sync_takes_us(self.key, self.disk.world.now_us());
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

/// What stands for a file in the keys of its events. 0 stands for the folder.
fn key_of(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}
