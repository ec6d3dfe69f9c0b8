//! What durability costs: frames encoded, group commits written and synced to a real folder, a log recovered.
//!
//! The folder is in the build's own directory, so that it is on a disk and not in memory.

mod world;

use std::{hint::black_box, path::Path, sync::Arc};

use causeway::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, Epoch, Lsn},
    node::{JournalCommand, JournalEvent},
    runtime::{
        journal::{self, JournalOptions},
        tokio::FolderDisk,
    },
    store::{
        Identity, Position, Record, Value, Write,
        log::{FrameBuilder, Place},
    },
};
use divan::{Bencher, counter::ItemsCount};
use world::{OnThread, at_once};

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
    bench.journal.stop();
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

/// A journal that is given records, numbered from 1 on.
struct Bench {
    journal: OnThread,
    last: u64,
}

impl Bench {
    fn open(folder: &Path) -> Self {
        Self { journal: OnThread::open(folder, &options()).0, last: 0 }
    }

    /// Appends records and waits until they are durable.
    fn append(&mut self, records: u64) {
        for _ in 0..records {
            self.last += 1;
            self.journal.tell(JournalCommand::Append { lsn: Lsn(self.last), record: record(self.last) });
        }
        let events = self.journal.run();
        let is_last = |event: &JournalEvent| *event == JournalEvent::Durable(Lsn(self.last));
        assert!(events.iter().any(is_last), "one poll writes and syncs all that waits");
    }
}
