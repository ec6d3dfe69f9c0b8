//! The transactions of known outcome, session by session.

use super::super::History;

/// See the module.
#[derive(Debug)]
pub struct Timelines {
    starts: Vec<u32>,
    transactions: Vec<u32>,
}

impl Timelines {
    /// Those of a history.
    pub fn of(history: &History) -> Self {
        let known = || (0..history.transactions() as u32).filter(|t| !history.is_unknown(*t));
        let mut starts = vec![0; history.sessions() + 1];
        for transaction in known() {
            starts[history.session_of(transaction) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut transactions = vec![0; known().count()];
        for transaction in known() {
            let start = starts[history.session_of(transaction) as usize];
            transactions[(start + history.place_of(transaction)) as usize] = transaction;
        }
        Self { starts, transactions }
    }

    /// The transaction at a place of a session.
    pub fn at(&self, session: u32, place: u32) -> u32 {
        self.transactions[(self.starts[session as usize] + place) as usize]
    }

    /// The transaction of its session that comes right before this one.
    pub fn before(&self, history: &History, transaction: u32) -> Option<u32> {
        let place = history.place_of(transaction).checked_sub(1)?;
        Some(self.at(history.session_of(transaction), place))
    }
}
