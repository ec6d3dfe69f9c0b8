//! A disk in memory that loses power: writes that were not synced survive by chance, sector by sector; names that were not synced,
//! some first part of them.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use causeway::runtime::{Disk, DiskFile};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SECTOR: usize = 512;

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// SIGKILL: the operating system lives, and shows what was written.
    Kill,
    /// What was not synced is lost in this percentage of its sectors.
    PowerLoss { lost_percent: u32 },
}

/// Files by name.
type Names = BTreeMap<String, Arc<Mutex<Contents>>>;

#[derive(Default)]
struct Contents {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Size(usize),
}

#[derive(Default)]
struct State {
    names: Names,
    /// Every state of the names since they were synced last; the first is durable.
    name_states: Vec<Names>,
    operations: u64,
    dies_at: Option<u64>,
    room: Option<usize>,
    failing: Failing,
}

/// Which syncs fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failing {
    #[default]
    None,
    /// Those of files whose name begins so.
    Files(&'static str),
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub struct TestDisk(Arc<Mutex<State>>);

/// One of its files.
pub struct TestFile {
    name: String,
    contents: Arc<Mutex<Contents>>,
    disk: TestDisk,
}

impl TestDisk {
    /// From here on the disk carries out so many changes, the last of them in vain, and then nothing returns any more.
    pub fn die_after(&self, changes: u64) {
        let mut state = self.state();
        state.dies_at = Some(state.operations + changes);
    }

    /// How many changes there were.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// All files together hold at most so many bytes.
    pub fn set_room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// Bytes in all files.
    pub fn used(&self) -> usize {
        self.state().names.values().map(|file| file.lock().expect("no panic").live.len()).sum()
    }

    pub fn set_failing(&self, failing: Failing) {
        self.state().failing = failing;
    }

    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.state().names[name].lock().expect("no panic").live.clone()
    }

    /// Makes a file hold these bytes, durably.
    pub fn set_bytes(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let contents = Contents { live: bytes.clone(), durable: bytes, pending: Vec::new() };
        state.names.insert(name.to_owned(), Arc::new(Mutex::new(contents)));
        state.name_states = vec![state.names.clone()];
    }

    pub fn remove_file(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name);
        state.name_states = vec![state.names.clone()];
    }

    /// A disk with the same files, all of them durable.
    pub fn copy(&self) -> TestDisk {
        let copy = TestDisk::default();
        for name in self.names() {
            copy.set_bytes(&name, self.bytes(&name));
        }
        copy
    }

    /// The process ends; the disk is there for the next one.
    pub fn crash(&self, death: Death, seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut state = self.state();
        state.dies_at = None;
        let Death::PowerLoss { lost_percent } = death else { return };
        if !state.name_states.is_empty() {
            let survivor = random.random_range(0..state.name_states.len());
            state.names = state.name_states.swap_remove(survivor);
            state.name_states = vec![state.names.clone()];
        }
        for file in state.names.values() {
            file.lock().expect("no panic").crash(&mut random, lost_percent);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    /// Counts a change; never returns on a dead disk.
    async fn change(&self) {
        let dead = {
            let mut state = self.state();
            state.operations += 1;
            state.dies_at.is_some_and(|at| state.operations > at)
        };
        if dead {
            std::future::pending::<()>().await;
        }
    }
}

impl Contents {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.live.len() {
            self.live.resize(end, 0);
            self.pending.push(Change::Size(end));
        }
        put(&mut self.live, offset, bytes);
        self.pending.push(Change::Write(offset, bytes.to_vec()));
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Size(size) => self.durable.resize(size, 0),
                Change::Write(offset, bytes) => put(&mut self.durable, offset, &bytes),
            }
        }
    }

    fn crash(&mut self, random: &mut ChaCha8Rng, lost_percent: u32) {
        let mut survives = || random.random_range(0..100) >= lost_percent;
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Size(size) if survives() => self.durable.resize(size, 0),
                Change::Size(_) => {}
                Change::Write(offset, bytes) => {
                    let mut at = 0;
                    while at < bytes.len() {
                        let end = (at + SECTOR - (offset + at) % SECTOR).min(bytes.len());
                        if survives() {
                            put(&mut self.durable, offset + at, &bytes[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
        self.live = self.durable.clone();
    }
}

/// Writes what lies inside the file: how large it is was decided apart from what it holds.
fn put(bytes: &mut [u8], offset: usize, new: &[u8]) {
    let end = bytes.len().min(offset + new.len());
    if let Some(target) = bytes.get_mut(offset..end) {
        target.copy_from_slice(&new[..end - offset]);
    }
}

impl Disk for TestDisk {
    type File = TestFile;

    async fn open(&self, name: &str) -> io::Result<Arc<TestFile>> {
        if !self.state().names.contains_key(name) {
            self.change().await;
            let mut state = self.state();
            state.names.insert(name.to_owned(), Arc::default());
            let names = state.names.clone();
            state.remember(names);
        }
        let contents = self.state().names[name].clone();
        Ok(Arc::new(TestFile { name: name.to_owned(), contents, disk: self.clone() }))
    }

    async fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        self.change().await;
        let mut state = self.state();
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        let names = state.names.clone();
        state.remember(names);
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change().await;
        let mut state = self.state();
        let contents = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), contents);
        let names = state.names.clone();
        state.remember(names);
        Ok(())
    }

    async fn sync_dir(&self) -> io::Result<()> {
        self.change().await;
        let mut state = self.state();
        state.name_states = vec![state.names.clone()];
        Ok(())
    }
}

impl State {
    fn remember(&mut self, names: Names) {
        if self.name_states.is_empty() {
            self.name_states.push(Names::new());
        }
        self.name_states.push(names);
    }
}

impl TestFile {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no panic")
    }
}

impl DiskFile for TestFile {
    async fn size(&self) -> io::Result<u64> {
        Ok(self.contents().live.len() as u64)
    }

    async fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let contents = self.contents();
        let from = contents.live.get(offset as usize..offset as usize + buffer.len());
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // The last change of a process that dies may reach the disk.
        let dies_now = {
            let state = self.disk.state();
            state.dies_at.is_some_and(|at| state.operations == at)
        };
        if dies_now {
            self.contents().write(offset as usize, bytes);
        }
        self.disk.change().await;
        let used = self.disk.used();
        let room = self.disk.state().room.map_or(usize::MAX, |room| room.saturating_sub(used));
        let fits = (self.contents().live.len().saturating_add(room)).saturating_sub(offset as usize).min(bytes.len());
        self.contents().write(offset as usize, &bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    async fn truncate(&self, size: u64) -> io::Result<()> {
        self.disk.change().await;
        let mut contents = self.contents();
        contents.live.resize(size as usize, 0);
        contents.pending.push(Change::Size(size as usize));
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        self.disk.change().await;
        let failing = self.disk.state().failing;
        match failing {
            Failing::Files(prefix) if self.name.starts_with(prefix) => {
                // The pages are dropped from what will be written, and go on being shown.
                self.contents().pending.clear();
                Err(io::Error::other("sync failed"))
            }
            _ => {
                self.contents().sync();
                Ok(())
            }
        }
    }
}
