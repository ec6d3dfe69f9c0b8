//! One life of a journal's process on a [`TestDisk`]: commands go in, events come out, nothing runs beside it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use causeway::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, Epoch, Lsn, NodeId},
    node::{JournalCommand, JournalEvent, Now},
    runtime::{
        Env, Incoming, Sent,
        journal::{self, JournalError, JournalOptions, JournalStats},
    },
    store::{Identity, Record, Recovered, Value, Write, log::Finding},
};
use tokio::sync::mpsc;

use super::disk::TestDisk;

/// Whose journals they are.
pub const OWN: ActorId = ActorId(3);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A world of one disk and a clock that the test moves.
#[derive(Clone)]
pub struct TestEnv {
    disk: TestDisk,
    now_us: Arc<AtomicU64>,
    spawned: Arc<Mutex<Vec<Task>>>,
}

impl Env for TestEnv {
    type Disk = TestDisk;

    fn now(&self) -> Now {
        let monotonic_us = self.now_us.load(Ordering::Relaxed);
        Now { monotonic_us, wall_ms: monotonic_us / 1_000 }
    }

    async fn sleep_until(&self, monotonic_us: u64) {
        std::future::poll_fn(|_| if self.now().monotonic_us >= monotonic_us { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn random(&self) -> u64 {
        7
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawned.lock().expect("no panic").push(Box::pin(task));
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

    fn disk(&self) -> TestDisk {
        self.disk.clone()
    }
}

/// A journal that runs.
pub struct Life {
    env: TestEnv,
    tasks: Vec<Task>,
    commands: Option<mpsc::UnboundedSender<JournalCommand>>,
    events: mpsc::UnboundedReceiver<JournalEvent>,
    /// What it found when it began.
    pub recovered: Recovered,
    /// What was out of the ordinary then.
    pub findings: Vec<Finding>,
    /// What it counts.
    pub stats: Arc<JournalStats>,
}

/// The options of these tests: small segments, so that there are several.
pub fn options() -> JournalOptions {
    let identity = Identity { cluster: 0xC0FFEE, node: "127.0.0.1:8090".to_owned() };
    JournalOptions { segment_bytes: 4_000, snapshot_after_bytes: 8_000, ..JournalOptions::new(identity, 0x5A17) }
}

/// Opens the journal; `None` when the disk died meanwhile.
pub fn try_begin(disk: &TestDisk, options: &JournalOptions) -> Option<Result<Life, JournalError>> {
    let disk = disk.clone();
    let mut opening = Box::pin(journal::open(disk.clone(), options));
    // Calls of the disk return at once or never.
    let Poll::Ready(opened) = opening.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { return None };
    let (journal, recovered) = match opened {
        Ok(opened) => opened,
        Err(error) => return Some(Err(error)),
    };
    let env = TestEnv { disk, now_us: Arc::default(), spawned: Arc::default() };
    let (commands, taken) = mpsc::unbounded_channel();
    let (events, told) = mpsc::unbounded_channel();
    let (stats, findings) = (journal.stats(), journal.findings().to_vec());
    let tasks: Vec<Task> = vec![Box::pin(journal.run(env.clone(), taken, events))];
    Some(Ok(Life { env, tasks, commands: Some(commands), events: told, recovered, findings, stats }))
}

/// Opens the journal on a disk that lives.
pub fn begin(disk: &TestDisk, options: &JournalOptions) -> Life {
    try_begin(disk, options).expect("the disk lives").expect("the data is its own")
}

impl Life {
    /// Commands that come in together.
    pub fn tell(&mut self, commands: impl IntoIterator<Item = JournalCommand>) -> Vec<JournalEvent> {
        for command in commands {
            self.commands.as_ref().expect("not ended").send(command).expect("it runs");
        }
        self.run()
    }

    /// Appends writes with these lsns, together.
    pub fn append(&mut self, lsns: impl IntoIterator<Item = u64>) -> Vec<JournalEvent> {
        self.tell(lsns.into_iter().map(|lsn| JournalCommand::Append { lsn: Lsn(lsn), record: record(lsn) }))
    }

    /// Lets time pass.
    pub fn pass_ms(&mut self, ms: u64) -> Vec<JournalEvent> {
        self.env.now_us.fetch_add(ms * 1_000, Ordering::Relaxed);
        self.run()
    }

    /// Ends it cleanly.
    pub fn stop(mut self) -> Vec<JournalEvent> {
        self.commands = None;
        let events = self.run();
        assert!(self.tasks.is_empty(), "it ends when nobody commands it any more");
        events
    }

    /// Runs everything until nothing moves.
    fn run(&mut self) -> Vec<JournalEvent> {
        let mut told = Vec::new();
        let mut quiet_rounds = 0;
        while quiet_rounds < 2 {
            let before = self.env.disk.operations();
            self.tasks.append(&mut self.env.spawned.lock().expect("no panic"));
            let mut context = Context::from_waker(Waker::noop());
            self.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            let mut events = Vec::new();
            while let Ok(event) = self.events.try_recv() {
                events.push(event);
            }
            let moved = self.env.disk.operations() != before || !events.is_empty();
            quiet_rounds = if moved { 0 } else { quiet_rounds + 1 };
            told.extend(events);
        }
        told
    }
}

/// The record at a place: every place has its own key, hlc and length; every third is replicated from a peer.
pub fn record(lsn: u64) -> Record {
    let actor = if lsn.is_multiple_of(3) { ActorId(1) } else { OWN };
    let dot = Dot { actor, hlc: Hlc::from_millis(1_000 + lsn) };
    let length = 20 + (lsn * 37 % 400) as usize;
    let value = Value::json(format!("\"{}\"", "v".repeat(length)));
    let past = Token::at_floor(Epoch::default(), Hlc::from_millis(1_000));
    let key = format!("k{lsn}").into();
    Record::Write(Arc::new(Write { dot, epoch: Epoch::default(), key, value: Some(value), past, operation: None }))
}

/// The place of a record of [`record`].
pub fn place(record: &Record) -> u64 {
    let Record::Write(write) = record else { panic!("only writes are appended here") };
    write.key[1..].parse().expect("k and a number")
}

/// The last place that is durable by these events.
pub fn durable(events: &[JournalEvent]) -> Option<u64> {
    let places = events.iter().filter_map(|event| match event {
        JournalEvent::Durable(lsn) => Some(lsn.0),
        _ => None,
    });
    places.max()
}

/// The places of all that was recovered, sorted; a record may be in the snapshot and in the log.
pub fn places(recovered: &Recovered) -> Vec<u64> {
    let entries = recovered.snapshot.iter().flat_map(|snapshot| &snapshot.entries);
    let in_snapshot = entries.map(|(key, _)| key[1..].parse().expect("k and a number"));
    let mut places: Vec<u64> = recovered.records.iter().map(place).chain(in_snapshot).collect();
    places.sort_unstable();
    places.dedup();
    places
}
