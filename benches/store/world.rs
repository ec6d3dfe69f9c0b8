//! A journal on a real folder, on one thread, in a world of which only the disk is real.

use std::{
    future::Future,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use causeway::{
    id::NodeId,
    node::{JournalCommand, JournalEvent, Now},
    runtime::{
        Env, Incoming, Sent,
        journal::{self, JournalOptions},
        tokio::FolderDisk,
    },
    store::Recovered,
};
use tokio::sync::mpsc;

/// The outcome of a future that never waits: calls of a [`FolderDisk`] block.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("it only waits for the disk"),
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A journal that runs on this thread whenever it is given something to do.
pub struct OnThread {
    tasks: Arc<Mutex<Vec<Task>>>,
    commands: mpsc::UnboundedSender<JournalCommand>,
    events: mpsc::UnboundedReceiver<JournalEvent>,
}

impl OnThread {
    /// Opens the folder's journal, and gives what it found.
    pub fn open(folder: &Path, options: &JournalOptions) -> (Self, Recovered) {
        let disk = FolderDisk::open(folder).expect("nobody else has it open");
        let (journal, recovered) = at_once(journal::open(disk.clone(), options)).expect("nobody else's data");
        let (commands, taken) = mpsc::unbounded_channel();
        let (told, events) = mpsc::unbounded_channel();
        let world = DiskOnly { disk, tasks: Arc::default() };
        let tasks = world.tasks.clone();
        world.clone().spawn(journal.run(world, taken, told));
        (Self { tasks, commands, events }, recovered)
    }

    /// Gives it something to do at the next run.
    pub fn tell(&self, command: JournalCommand) {
        self.commands.send(command).expect("it runs");
    }

    /// Does all that it was told, and gives what it says.
    pub fn run(&mut self) -> Vec<JournalEvent> {
        self.poll();
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// Ends cleanly, which gives the folder back.
    pub fn stop(mut self) {
        (self.commands, _) = mpsc::unbounded_channel();
        while self.poll() == Running::Yes {}
    }

    /// Lets every task go on to where it waits for something to do.
    fn poll(&mut self) -> Running {
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
