//! What durability costs: frames encoded, group commits written and synced to a real folder, a log recovered.
//!
//! The folder is in the build's own directory, so that it is on a disk and not in memory.

use std::{
    future::Future,
    hint::black_box,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use causeway::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, Epoch, Lsn, NodeId},
    node::{JournalCommand, JournalEvent, Now},
    runtime::{
        Env, Incoming, Sent,
        journal::{self, JournalOptions},
        tokio::FolderDisk,
    },
    store::{
        Identity, Position, Record, Value, Write,
        log::{FrameBuilder, Place},
    },
};
use divan::{Bencher, counter::ItemsCount};
use tokio::sync::mpsc;

const VALUE_BYTES: usize = 100;
const RECOVERED_RECORDS: u64 = 100_000;

fn main() {
    divan::main();
}

/// One group commit of so many records, durable under `always`.
#[divan::bench(args = [1, 10, 100, 1_000], sample_count = 50)]
fn append_and_sync(bencher: Bencher, records: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let mut bench = Bench::open(folder.path());
    bencher.counter(ItemsCount::new(records)).bench_local(|| bench.append(records));
}

/// A frame of so many records, in memory.
#[divan::bench(args = [1, 10, 100, 1_000])]
fn encode(bencher: Bencher, records: u64) {
    let records: Vec<Record> = (1..=records).map(record).collect();
    let place = Place { salt: 1, position: Position { segment: 1, offset: 1_024 } };
    let mut frame = FrameBuilder::default();
    bencher.counter(ItemsCount::new(records.len())).bench_local(|| {
        frame.clear();
        for record in &records {
            let _ = frame.push(record);
        }
        black_box(frame.finish(place, Lsn(1), Position::default()));
    });
}

/// A start on a log without a snapshot.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn recover(bencher: Bencher) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let mut bench = Bench::open(folder.path());
    for _ in 0..RECOVERED_RECORDS / 1_000 {
        bench.append(1_000);
    }
    bench.stop();
    bencher.counter(ItemsCount::new(RECOVERED_RECORDS)).bench_local(|| {
        let disk = FolderDisk::open(folder.path()).expect("nobody else has it open");
        let (_, recovered) = at_once(journal::open(disk, &options())).expect("its own data");
        assert_eq!(recovered.records.len() as u64, RECOVERED_RECORDS);
    });
}

fn options() -> JournalOptions {
    JournalOptions::new(Identity { cluster: 1, node: "127.0.0.1:8090".to_owned() }, 1)
}

fn record(number: u64) -> Record {
    let dot = Dot { actor: ActorId(0), hlc: Hlc::from_millis(1_700_000_000_000 + number) };
    let past = Token::from_parts(Epoch::default(), Hlc::from_millis(1_700_000_000_000), [dot]);
    let value = Some(Value::json("v".repeat(VALUE_BYTES)));
    let key = format!("key-{}", number % 10_000).into();
    Record::Write(Arc::new(Write { dot, epoch: Epoch::default(), key, value, past, operation: None }))
}

/// The outcome of a future that never waits: calls of a [`FolderDisk`] block.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("it only waits for the disk"),
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A journal that runs on this thread whenever it is given something to do.
struct Bench {
    tasks: Arc<Mutex<Vec<Task>>>,
    commands: mpsc::UnboundedSender<JournalCommand>,
    events: mpsc::UnboundedReceiver<JournalEvent>,
    last: u64,
}

impl Bench {
    fn open(folder: &Path) -> Self {
        let disk = FolderDisk::open(folder).expect("nobody else has it open");
        let (journal, _) = at_once(journal::open(disk.clone(), &options())).expect("an empty folder");
        let (commands, taken) = mpsc::unbounded_channel();
        let (told, events) = mpsc::unbounded_channel();
        let world = DiskOnly { disk, tasks: Arc::default() };
        let tasks = world.tasks.clone();
        world.clone().spawn(journal.run(world, taken, told));
        Self { tasks, commands, events, last: 0 }
    }

    /// Appends records and waits until they are durable.
    fn append(&mut self, records: u64) {
        for _ in 0..records {
            self.last += 1;
            let command = JournalCommand::Append { lsn: Lsn(self.last), record: record(self.last) };
            self.commands.send(command).expect("it runs");
        }
        self.run();
        let mut durable = 0;
        while let Ok(event) = self.events.try_recv() {
            if let JournalEvent::Durable(lsn) = event {
                durable = lsn.0;
            }
        }
        assert_eq!(durable, self.last, "one poll writes and syncs all that waits");
    }
}

impl Bench {
    /// Ends cleanly, which gives the folder back.
    fn stop(mut self) {
        (self.commands, _) = mpsc::unbounded_channel();
        while self.run() == Running::Yes {}
    }

    /// Lets every task go on to where it waits for something to do.
    fn run(&mut self) -> Running {
        let mut running = std::mem::take(&mut *self.tasks.lock().expect("no panic"));
        running.retain_mut(|task| task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let mut tasks = self.tasks.lock().expect("no panic");
        tasks.append(&mut running);
        if tasks.is_empty() { Running::No } else { Running::Yes }
    }
}

/// Whether some task has not ended.
#[derive(PartialEq, Eq)]
enum Running {
    Yes,
    No,
}

/// A world of which only the disk is real.
#[derive(Clone)]
struct DiskOnly {
    disk: FolderDisk,
    tasks: Arc<Mutex<Vec<Task>>>,
}

impl Env for DiskOnly {
    type Disk = FolderDisk;

    fn now(&self) -> Now {
        Now::default()
    }

    async fn sleep_until(&self, _monotonic_us: u64) {
        std::future::pending().await
    }

    fn random(&self) -> u64 {
        1
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().expect("no panic").push(Box::pin(task));
    }

    fn spawn_disk(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(task);
    }

    fn send(&self, _to: NodeId, _frame: Bytes) -> Sent {
        Sent::Not
    }

    async fn receive(&self) -> Incoming {
        std::future::pending().await
    }

    fn disk(&self) -> FolderDisk {
        self.disk.clone()
    }
}
