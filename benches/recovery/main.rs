//! What a start costs a node that holds many keys: from the files of its data folder to a node that knows what it holds.
//!
//! `cargo bench --bench recovery -- --keys 1000000`. Each row is a folder that a node has filled by itself: with a log alone, and with
//! a snapshot of all keys and a log of a tenth of them behind it. The folder is in the build's own directory, so that it is on a disk;
//! its files are in the operating system's memory when they are read. CPU time is that of the one thread that does it all.

#![expect(clippy::disallowed_methods, reason = "time is what it measures")]
#![expect(clippy::disallowed_macros, reason = "it prints what it measures")]

#[path = "../store/world.rs"]
mod world;

use std::{env, fs, path::Path, sync::Arc, time::Instant};

use causeway::{
    clock::Token,
    id::{Incarnation, NodeId, RequestId},
    node::{Command, Effect, Input, JournalEvent, KeyRequest, Node, NodePlan, Now, Request, Settings},
    placement::{Config, Founding},
    runtime::journal::JournalOptions,
    store::{Identity, Value},
};
use world::OnThread;

/// Enough to see that it works.
const FEW_KEYS: u64 = 20_000;
/// With keys of 13 bytes, as the other benchmarks have them.
const VALUE: &[u8] = &[b'7'; 100];
/// Writes in one group commit.
const GROUP: u64 = 256;
/// Milliseconds between group commits.
const GROUP_MS: u64 = 5;
const WALL_MS: u64 = 1_700_000_000_000;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let given = arguments.iter().skip_while(|argument| *argument != "--keys").nth(1);
    let keys = given.map_or(FEW_KEYS, |text| text.parse().expect("--keys takes a number"));
    println!(
        "{:<22} {:>6} {:>8} {:>8} {:>8} {:>14}",
        format!("{keys} keys"),
        "MB",
        "files s",
        "node s",
        "CPU s",
        "CPU s/million"
    );
    measure("log", keys, Snapshot::No);
    measure("snapshot and log", keys, Snapshot::Yes);
}

/// Whether a snapshot of all keys is written before the last tenth of the writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Snapshot {
    Yes,
    No,
}

/// Fills a folder, starts on it, and prints what that took.
fn measure(name: &str, keys: u64, snapshot: Snapshot) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    fill(folder.path(), keys, snapshot);
    let files = fs::read_dir(folder.path()).expect("it is there").flatten();
    let bytes: u64 = files.map(|file| file.metadata().map_or(0, |found| found.len())).sum();
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let (journal, recovered) = OnThread::open(folder.path(), &options());
    let read = began.elapsed().as_secs_f64();
    let now = Now { monotonic_us: 0, wall_ms: WALL_MS + 1_000_000_000 };
    let mut node = Node::new(plan(), now, recovered);
    node.handle(now, Input::Tick);
    let (all, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    assert_eq!(node.status().keys, keys, "it has all that was written");
    let per_million = cpu * 1e6 / keys as f64;
    println!("{name:<22} {:>6} {read:>8.2} {:>8.2} {cpu:>8.2} {per_million:>14.2}", bytes >> 20, all - read);
    journal.stop();
}

/// A node alone in its shard writes every key, and then a tenth of them again.
fn fill(folder: &Path, keys: u64, snapshot: Snapshot) {
    let (journal, recovered) = OnThread::open(folder, &options());
    let now = Now { monotonic_us: 1_000_000, wall_ms: WALL_MS };
    let mut filling = Filling { node: Node::new(plan(), now, recovered), journal, now, requests: 0 };
    (0..1_000).for_each(|_| filling.settle());
    for write in 0..keys {
        filling.put(write);
    }
    filling.settle();
    if snapshot == Snapshot::Yes {
        filling.node.handle(filling.now, Input::Journal(JournalEvent::SnapshotDue));
    }
    for write in 0..keys / 10 {
        filling.put(write);
    }
    filling.finish();
}

/// A node that is being given its keys.
struct Filling {
    node: Node,
    journal: OnThread,
    now: Now,
    requests: u64,
}

impl Filling {
    fn put(&mut self, number: u64) {
        let key = format!("key-{number:09}").into();
        let command = Command::Write { value: Some(Value::json(VALUE)), operation: None, write_concern: 1 };
        let request = Request::Key(KeyRequest { key, token: Token::default(), command });
        self.requests += 1;
        self.node.handle(self.now, Input::Request { id: RequestId(self.requests), request });
        if self.requests.is_multiple_of(GROUP) {
            self.settle();
        }
    }

    /// What was asked for is written and applied, and time goes on.
    fn settle(&mut self) {
        self.now.monotonic_us += 1_000 * GROUP_MS;
        self.now.wall_ms += GROUP_MS;
        self.node.handle(self.now, Input::Tick);
        loop {
            for effect in self.node.take_effects() {
                if let Effect::Journal(command) = effect {
                    self.journal.tell(command);
                }
            }
            let events = self.journal.run();
            if events.is_empty() {
                return;
            }
            for event in events {
                self.node.handle(self.now, Input::Journal(event));
            }
        }
    }

    fn finish(mut self) {
        self.settle();
        self.journal.stop();
    }
}

fn options() -> JournalOptions {
    // The second row has the one snapshot that it asks for.
    let identity = Identity { cluster: 1, node: "127.0.0.1:8090".to_owned() };
    JournalOptions { snapshot_after_bytes: u64::MAX, ..JournalOptions::new(identity, 1) }
}

fn plan() -> NodePlan {
    let founding = Founding { view: vec!["127.0.0.1:8090".to_owned()], shard_count: 1 };
    let config = Arc::new(Config::found(&founding).expect("one shard"));
    let (settings, incarnation) = (Settings::default(), Incarnation(1));
    NodePlan { config, me: NodeId(0), settings, incarnation, seed: 1, proposes: false, observed: false }
}

/// Seconds that this thread has been running, as Linux counts them.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds: f64 = text.split_whitespace().next().and_then(|first| first.parse().ok()).expect("a number");
    nanoseconds / 1e9
}
