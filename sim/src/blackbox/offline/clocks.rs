//! Vector clocks. Entry `s` says how many transactions of session `s` are in a past.

const NONE: u32 = u32::MAX;

/// The clocks of transactions that somebody will still read from, in one piece of memory that is used again.
#[derive(Debug)]
pub struct Clocks {
    sessions: usize,
    entries: Vec<u32>,
    free: Vec<u32>,
    slots: Vec<u32>,
}

impl Clocks {
    /// None yet, of that many transactions.
    pub fn new(sessions: usize, transactions: usize) -> Self {
        Self { sessions, entries: Vec::new(), free: Vec::new(), slots: vec![NONE; transactions] }
    }

    /// Keeps the clock of a transaction.
    pub fn keep(&mut self, transaction: u32, clock: &[u32]) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.resize(self.entries.len() + self.sessions, 0);
            (self.entries.len() / self.sessions) as u32 - 1
        });
        self.slots[transaction as usize] = slot;
        let from = slot as usize * self.sessions;
        self.entries[from..from + self.sessions].copy_from_slice(clock);
    }

    /// The clock of a transaction; empty if it is not kept.
    pub fn of(&self, transaction: u32) -> &[u32] {
        match self.slots[transaction as usize] {
            NONE => &[],
            slot => &self.entries[slot as usize * self.sessions..][..self.sessions],
        }
    }

    /// Nobody will ask for it again.
    pub fn release(&mut self, transaction: u32) {
        let slot = std::mem::replace(&mut self.slots[transaction as usize], NONE);
        if slot != NONE {
            self.free.push(slot);
        }
    }
}

/// Raises a clock to another.
pub fn join(clock: &mut [u32], other: &[u32]) {
    for (mine, theirs) in clock.iter_mut().zip(other) {
        *mine = (*mine).max(*theirs);
    }
}
