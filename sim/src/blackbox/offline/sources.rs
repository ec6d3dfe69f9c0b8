//! Which write each read saw. Values are unique, so it is known without any order; what is wrong by itself is found here.

use super::{
    super::{ABSENT, Action, History, Malformed, Rules, index::Table, index::mix},
    Finding,
};

/// The read saw the initial state.
pub const INITIAL: u32 = u32::MAX;
/// The read saw its own transaction's write, or is no read: nothing to judge.
pub const OWN: u32 = u32::MAX - 1;
/// The read found nothing, and that may have been a tombstone: which, it does not say.
pub const OPEN: u32 = u32::MAX - 2;

/// What each read saw.
#[derive(Debug)]
pub struct Sources {
    /// For each operation the transaction that it read from, or one of the constants.
    pub of: Vec<u32>,
    /// How many reads of other transactions each transaction has.
    pub readers: Vec<u32>,
    /// Whether what each read saw stands before it in the history.
    pub are_sorted: bool,
    /// For each key whether it is ever deleted; empty if none is.
    deleted: Vec<bool>,
}

impl Sources {
    /// Finds them, or the first read that is wrong whatever the order.
    pub fn find(history: &History, rules: Rules) -> Result<Result<Self, Finding>, Malformed> {
        let writers = Writers::of(history)?;
        let deleted = deleted_keys(history);
        let mut sources =
            Self { of: vec![OWN; history.operations()], readers: vec![0; history.transactions()], are_sorted: true, deleted };
        for transaction in 0..history.transactions() as u32 {
            let operations = history.operations_of(transaction);
            for read in operations.clone().filter(|at| history.action(*at) == Action::Read) {
                let own = (operations.start..read).rev().find(|at| is_write_of(history, *at, history.key(read)));
                let source = match own {
                    Some(own) => check_own(history, read, own).map(|()| OWN),
                    None => sources.outside(history, &writers, read, transaction),
                };
                match source {
                    Ok(source) => sources.set(read, source, transaction),
                    Err(finding) if finding.rule().is_some_and(|rule| !rules.has(rule)) => {}
                    Err(finding) => return Ok(Err(finding)),
                }
            }
        }
        Ok(Ok(sources))
    }

    /// Whether any key is ever deleted.
    pub fn have_deletes(&self) -> bool {
        !self.deleted.is_empty()
    }

    /// Whether a key is ever deleted.
    pub fn is_deleted(&self, key: u32) -> bool {
        self.deleted.get(key as usize).copied().unwrap_or_default()
    }

    /// The transaction that an operation read from.
    pub fn writer(&self, operation: usize) -> Option<u32> {
        Some(self.of[operation]).filter(|source| *source < OPEN)
    }

    fn set(&mut self, read: usize, source: u32, reader: u32) {
        self.of[read] = source;
        if let Some(writer) = self.writer(read) {
            self.are_sorted &= writer < reader;
            self.readers[writer as usize] += 1;
        }
    }

    fn outside(&self, history: &History, writers: &Writers, read: usize, reader: u32) -> Result<u32, Finding> {
        let (key, value) = (history.key(read), history.value(read));
        if value == ABSENT {
            return Ok(if self.is_deleted(key) { OPEN } else { INITIAL });
        }
        let Some(write) = writers.find(history, key, value) else {
            return Err(if history.has_failed(key, value) { Finding::Aborted { read } } else { Finding::ThinAir { read } });
        };
        let writer = transaction_at(history, write, reader);
        if writer == reader {
            return Err(Finding::Future { read });
        }
        let overwritten = (write + 1..history.operations_of(writer).end).any(|at| is_write_of(history, at, key));
        if overwritten { Err(Finding::Intermediate { read, write }) } else { Ok(writer) }
    }
}

/// The last write of each key in a transaction: what others may read.
pub fn last_writes(history: &History, transaction: u32) -> impl Iterator<Item = usize> {
    let operations = history.operations_of(transaction);
    let end = operations.end;
    operations.filter(move |at| {
        let key = history.key(*at);
        history.action(*at) != Action::Read && !(*at + 1..end).any(|later| is_write_of(history, later, key))
    })
}

fn is_write_of(history: &History, operation: usize, key: u32) -> bool {
    history.key(operation) == key && history.action(operation) != Action::Read
}

fn check_own(history: &History, read: usize, own: usize) -> Result<(), Finding> {
    let written = if history.action(own) == Action::Delete { ABSENT } else { history.value(own) };
    if history.value(read) == written { Ok(()) } else { Err(Finding::NotOwn { read, own }) }
}

/// Where every transaction has one operation, both have one number.
fn transaction_at(history: &History, write: usize, reader: u32) -> u32 {
    let is_in = |t: u32| history.operations_of(t).contains(&write);
    let same = write as u32;
    if (same as usize) < history.transactions() && is_in(same) {
        return same;
    }
    if is_in(reader) { reader } else { history.transaction_of(write) }
}

fn deleted_keys(history: &History) -> Vec<bool> {
    let mut deleted = Vec::new();
    for at in (0..history.operations()).filter(|at| history.action(*at) == Action::Delete) {
        deleted.resize(history.keys(), false);
        deleted[history.key(at) as usize] = true;
    }
    deleted
}

/// All puts by key and value.
struct Writers {
    table: Table,
}

impl Writers {
    fn of(history: &History) -> Result<Self, Malformed> {
        let puts = || (0..history.operations()).filter(|at| history.action(*at) == Action::Put);
        let hash_of = |at: u32| mix(history.value(at as usize), u64::from(history.key(at as usize)));
        let mut writers = Self { table: Table::with_capacity(puts().count()) };
        for put in puts() {
            let (key, value) = (history.key(put), history.value(put));
            if writers.find(history, key, value).is_some() {
                let op = history.op(put);
                return Err(Malformed::WrittenTwice { key: op.key, value });
            }
            writers.table.insert(hash_of(put as u32), put as u32, hash_of);
        }
        Ok(writers)
    }

    fn find(&self, history: &History, key: u32, value: u64) -> Option<usize> {
        let is_it = |at: u32| history.value(at as usize) == value && history.key(at as usize) == key;
        self.table.find(mix(value, u64::from(key)), is_it).map(|at| at as usize)
    }
}
