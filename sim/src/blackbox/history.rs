//! A history, kept small: 24 bytes an operation that stands alone in its transaction, whatever the names.

use std::ops::Range;

use super::{
    ABORTED, ABSENT, Action, Malformed, Op, Outcome,
    index::{Names, Table, mix},
};

const MOST: usize = 1 << 30;
const UNKNOWN: u32 = 1 << 31;

/// Sessions and what they did. Made by [`Builder`]; operations, keys, sessions and transactions are numbered from 0.
#[derive(Debug, Clone, Default)]
pub struct History {
    sessions: Names,
    keys: Names,
    /// Key and action of each operation, those of a transaction in a row.
    cells: Vec<u32>,
    values: Vec<u64>,
    transactions: Vec<Transaction>,
    numbers: Vec<i64>,
    failed: Vec<Failed>,
}

/// Who ran a transaction, and where its operations begin.
#[derive(Debug, Clone, Copy)]
struct Transaction {
    session: u32,
    place: u32,
    first: u32,
}

/// A put that must not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Failed {
    key: u32,
    value: u64,
    session: u32,
}

impl History {
    /// The history of these operations.
    ///
    /// # Errors
    /// They are none.
    pub fn of(ops: &[Op]) -> Result<Self, Malformed> {
        let mut builder = Builder::default();
        for op in ops {
            builder.push(*op)?;
        }
        Ok(builder.finish())
    }

    /// How many operations there are, without those that failed.
    pub fn operations(&self) -> usize {
        self.cells.len()
    }

    /// How many transactions.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// How many sessions.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// How many keys.
    pub fn keys(&self) -> usize {
        self.keys.count()
    }

    /// The session of a transaction.
    pub fn session_of(&self, transaction: u32) -> u32 {
        self.transactions[transaction as usize].session & !UNKNOWN
    }

    /// How many transactions of known outcome its session had before.
    pub fn place_of(&self, transaction: u32) -> u32 {
        self.transactions[transaction as usize].place
    }

    /// Whether its outcome is unknown.
    pub fn is_unknown(&self, transaction: u32) -> bool {
        self.transactions[transaction as usize].session & UNKNOWN != 0
    }

    /// Its operations.
    pub fn operations_of(&self, transaction: u32) -> Range<usize> {
        let at = transaction as usize;
        let end = self.transactions.get(at + 1).map_or(self.cells.len(), |next| next.first as usize);
        self.transactions[at].first as usize..end
    }

    /// The key of an operation.
    pub fn key(&self, operation: usize) -> u32 {
        self.cells[operation] >> 2
    }

    /// What it does.
    pub fn action(&self, operation: usize) -> Action {
        match self.cells[operation] & 3 {
            0 => Action::Read,
            1 => Action::Put,
            _ => Action::Delete,
        }
    }

    /// Its value.
    pub fn value(&self, operation: usize) -> u64 {
        self.values[operation]
    }

    /// Whether a put of this value to this key failed.
    pub fn has_failed(&self, key: u32, value: u64) -> bool {
        let from = self.failed.partition_point(|failed| (failed.key, failed.value) < (key, value));
        self.failed.get(from).is_some_and(|failed| (failed.key, failed.value) == (key, value))
    }

    /// The transaction that an operation belongs to.
    pub fn transaction_of(&self, operation: usize) -> u32 {
        self.transactions.partition_point(|transaction| transaction.first as usize <= operation) as u32 - 1
    }

    /// An operation as it was given.
    pub fn op(&self, operation: usize) -> Op {
        let transaction = self.transaction_of(operation);
        self.op_within(operation, transaction)
    }

    /// All operations by transaction, then the puts that failed.
    pub fn iter(&self) -> impl Iterator<Item = Op> {
        let transactions = 0..self.transactions.len() as u32;
        let known = transactions.flat_map(move |t| self.operations_of(t).map(move |operation| self.op_within(operation, t)));
        let failed = self.failed.iter().map(|failed| {
            let Failed { key, value, session } = *failed;
            Op::put(self.sessions.name(session), ABORTED, self.keys.name(key), value).with(Outcome::Failed)
        });
        known.chain(failed)
    }

    fn op_within(&self, operation: usize, transaction: u32) -> Op {
        Op {
            session: self.sessions.name(self.session_of(transaction)),
            transaction: self.numbers[transaction as usize],
            key: self.keys.name(self.key(operation)),
            value: self.values[operation],
            action: self.action(operation),
            outcome: if self.is_unknown(transaction) { Outcome::Unknown } else { Outcome::Done },
        }
    }
}

/// Makes a history, one operation after another: those of each session in its order, sessions mixed as you like.
#[derive(Debug, Default)]
pub struct Builder {
    history: History,
    /// Of each session: how many transactions of known outcome it had, and which came last.
    lengths: Vec<u32>,
    open: Vec<u32>,
    largest: Option<i64>,
    by_number: Option<Table>,
    /// The transaction of each operation, once operations of two transactions came mixed.
    owners: Option<Vec<u32>>,
}

impl Builder {
    /// The next operation.
    ///
    /// # Errors
    /// With those before it, it is no history. What came before stays.
    pub fn push(&mut self, op: Op) -> Result<(), Malformed> {
        if op.action == Action::Put && op.value == ABSENT {
            return Err(Malformed::PutOfAbsent { key: op.key });
        }
        if self.history.cells.len() >= MOST {
            return Err(Malformed::TooLarge);
        }
        let session = self.history.sessions.number(op.session);
        let key = self.history.keys.number(op.key);
        if session as usize == self.lengths.len() {
            self.lengths.push(0);
            self.open.push(u32::MAX);
        }
        if op.outcome == Outcome::Failed {
            if op.action == Action::Put {
                self.history.failed.push(Failed { key, value: op.value, session });
            }
            return Ok(());
        }
        let transaction = self.transaction(&op, session)?;
        let action = match op.action {
            Action::Read => 0,
            Action::Put => 1,
            Action::Delete => 2,
        };
        self.history.cells.push(key << 2 | action);
        self.history.values.push(op.value);
        if let Some(owners) = &mut self.owners {
            owners.push(transaction);
        }
        Ok(())
    }

    /// The history of what was pushed.
    pub fn finish(mut self) -> History {
        if let Some(owners) = self.owners.take() {
            self.gather(&owners);
        }
        self.history.failed.sort_unstable();
        self.history
    }

    fn transaction(&mut self, op: &Op, session: u32) -> Result<u32, Malformed> {
        let last = self.history.numbers.len().wrapping_sub(1) as u32;
        let open = self.open[session as usize];
        if self.history.numbers.last() == Some(&op.transaction) && open == last {
            self.joins(op, last)?;
            return Ok(last);
        }
        if open != u32::MAX && self.history.numbers[open as usize] == op.transaction {
            self.joins(op, open)?;
            self.scatter();
            return Ok(open);
        }
        self.begin(op, session)
    }

    fn begin(&mut self, op: &Op, session: u32) -> Result<u32, Malformed> {
        let new = self.history.numbers.len() as u32;
        let is_unknown = op.outcome == Outcome::Unknown;
        if is_unknown && op.action == Action::Read {
            return Err(Malformed::ReadInUnknown(op.transaction));
        }
        if self.largest.is_some_and(|largest| op.transaction <= largest) {
            self.check_new(op, session)?;
        }
        self.largest = self.largest.max(Some(op.transaction));
        if let Some(table) = &mut self.by_number {
            let numbers = &self.history.numbers;
            table.insert(mix(op.transaction as u64, 1), new, |item| mix(numbers[item as usize] as u64, 1));
        }
        let place = self.lengths[session as usize];
        if !is_unknown {
            self.lengths[session as usize] += 1;
        }
        let mark = if is_unknown { UNKNOWN } else { 0 };
        let first = self.history.cells.len() as u32;
        self.history.transactions.push(Transaction { session: session | mark, place, first });
        self.history.numbers.push(op.transaction);
        self.open[session as usize] = new;
        Ok(new)
    }

    /// Numbers that only rise need no table.
    fn check_new(&mut self, op: &Op, session: u32) -> Result<(), Malformed> {
        let numbers = &self.history.numbers;
        let hash_of = |item: u32| mix(numbers[item as usize] as u64, 1);
        let table = self.by_number.get_or_insert_with(|| {
            let mut table = Table::with_capacity(numbers.len() * 2);
            for item in 0..numbers.len() as u32 {
                table.insert(hash_of(item), item, hash_of);
            }
            table
        });
        let found = table.find(mix(op.transaction as u64, 1), |item| numbers[item as usize] == op.transaction);
        match found {
            None => Ok(()),
            Some(known) if self.history.session_of(known) == session => Err(Malformed::TornTransaction(op.transaction)),
            Some(_) => Err(Malformed::SharedTransaction(op.transaction)),
        }
    }

    fn joins(&self, op: &Op, transaction: u32) -> Result<(), Malformed> {
        let is_unknown = self.history.is_unknown(transaction);
        if is_unknown == (op.outcome == Outcome::Unknown) && !(is_unknown && op.action == Action::Read) {
            return Ok(());
        }
        let first = self.history.transactions[transaction as usize].first as usize;
        let reads = op.action == Action::Read || self.history.action(first) == Action::Read;
        Err(if reads { Malformed::ReadInUnknown(op.transaction) } else { Malformed::HalfKnown(op.transaction) })
    }

    fn scatter(&mut self) {
        let history = &self.history;
        self.owners.get_or_insert_with(|| {
            let transactions = 0..history.transactions.len() as u32;
            transactions.flat_map(|t| history.operations_of(t).map(move |_| t)).collect()
        });
    }

    /// Puts the operations of each transaction in a row.
    fn gather(&mut self, owners: &[u32]) {
        let history = &mut self.history;
        let mut firsts = vec![0; history.transactions.len() + 1];
        for owner in owners {
            firsts[*owner as usize + 1] += 1;
        }
        for at in 1..firsts.len() {
            firsts[at] += firsts[at - 1];
        }
        for (transaction, first) in history.transactions.iter_mut().zip(&firsts) {
            transaction.first = *first;
        }
        let (mut cells, mut values) = (vec![0; owners.len()], vec![0; owners.len()]);
        for (at, owner) in owners.iter().enumerate() {
            let to = &mut firsts[*owner as usize];
            cells[*to as usize] = history.cells[at];
            values[*to as usize] = history.values[at];
            *to += 1;
        }
        (history.cells, history.values) = (cells, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_out_as_they_went_in() {
        let ops = [
            Op::put(7, 3, 100, 1),
            Op::read(1 << 40, 9, 100, 1),
            Op::put(7, 5, 2, 4).with(Outcome::Unknown),
            Op::delete(7, 4, 100, 0),
            Op::put(7, 8, 2, 9).with(Outcome::Failed),
        ];
        let history = History::of(&ops).unwrap();
        let expected = [&ops[..4], &[Op { transaction: ABORTED, ..ops[4] }]].concat();
        assert_eq!(history.iter().collect::<Vec<_>>(), expected);
        let places: Vec<u32> = (0..4).map(|t| history.place_of(t)).collect();
        assert_eq!(places, [0, 0, 1, 1], "an unknown outcome takes no place");
        assert!(history.has_failed(history.key(2), 9) && !history.has_failed(history.key(0), 9));
    }

    #[test]
    fn a_transaction_may_be_mixed_with_those_of_other_sessions() {
        let ops = [Op::put(0, 1, 0, 1), Op::put(1, 2, 0, 2), Op::put(0, 1, 1, 3), Op::put(1, 2, 1, 4)];
        let history = History::of(&ops).unwrap();
        assert_eq!(history.iter().collect::<Vec<_>>(), [ops[0], ops[2], ops[1], ops[3]]);
        assert_eq!(history.transaction_of(2), 1);
    }

    #[test]
    fn what_is_no_history_is_refused() {
        let of = |ops: &[Op]| History::of(ops).unwrap_err();
        assert_eq!(of(&[Op::put(0, 0, 5, 0)]), Malformed::PutOfAbsent { key: 5 });
        assert_eq!(of(&[Op::put(0, 1, 5, 1), Op::put(1, 1, 5, 2)]), Malformed::SharedTransaction(1));
        assert_eq!(of(&[Op::put(0, 1, 5, 1), Op::put(0, 2, 5, 2), Op::put(0, 1, 5, 3)]), Malformed::TornTransaction(1));
        let unknown = Op::put(0, 1, 5, 1).with(Outcome::Unknown);
        assert_eq!(of(&[unknown, Op::read(0, 1, 5, 0)]), Malformed::ReadInUnknown(1));
        assert_eq!(of(&[unknown, Op::put(0, 1, 6, 1)]), Malformed::HalfKnown(1));
        assert_eq!(of(&[Op::read(0, 1, 5, 0).with(Outcome::Unknown)]), Malformed::ReadInUnknown(1));
    }
}
