//! The writes of each key, session by session: where a read's last visible write of each session is looked up.

use std::ops::Range;

use super::{
    super::{Action, History},
    sources::last_writes,
};

/// The writes of one key by one session, in its order.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Which session.
    pub session: u32,
    first: u32,
    published: u32,
    /// The newest that is published.
    latest: Write,
    /// The edge that was drawn last: from which of these writes, to which transaction.
    drawn: (u32, u32),
}

/// One write: its place in its session, and whether it is a tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write(u32);

impl Write {
    fn new(place: u32, action: Action) -> Self {
        Self(place << 1 | u32::from(action == Action::Delete))
    }

    /// The place of its transaction.
    pub fn place(self) -> u32 {
        self.0 >> 1
    }

    /// Whether it is a delete.
    pub fn is_tombstone(self) -> bool {
        self.0 & 1 == 1
    }
}

/// All groups. A write is found only once it is published, and they are published in an order in which causes come first.
#[derive(Debug)]
pub struct Groups {
    groups: Vec<Group>,
    writes: Vec<Write>,
    /// For each key its first group.
    starts: Vec<u32>,
    /// For each operation that others may read, its group.
    of: Vec<u32>,
}

const NONE: u32 = u32::MAX;

/// A write of known outcome that others may read.
#[derive(Debug, Clone, Copy)]
struct Listed {
    key: u32,
    session: u32,
    operation: u32,
    write: Write,
}

impl Listed {
    /// All of a history, the sessions one after another, each in its order.
    fn by_session(history: &History) -> Vec<Self> {
        let known = || (0..history.transactions() as u32).filter(|transaction| !history.is_unknown(*transaction));
        let mut cursors = vec![0_usize; history.sessions() + 1];
        for transaction in known() {
            cursors[history.session_of(transaction) as usize + 1] += last_writes(history, transaction).count();
        }
        for at in 1..cursors.len() {
            cursors[at] += cursors[at - 1];
        }
        let none = Self { key: 0, session: 0, operation: 0, write: Write(0) };
        let mut listed = vec![none; cursors.last().copied().unwrap_or_default()];
        for transaction in known() {
            let (session, place) = (history.session_of(transaction), history.place_of(transaction));
            let cursor = &mut cursors[session as usize];
            for at in last_writes(history, transaction) {
                let write = Write::new(place, history.action(at));
                listed[*cursor] = Self { key: history.key(at), session, operation: at as u32, write };
                *cursor += 1;
            }
        }
        listed
    }
}

impl Groups {
    /// Those of a history, nothing published.
    pub fn of(history: &History) -> Self {
        let keys = history.keys();
        let by_session = Listed::by_session(history);
        let (mut starts, mut firsts, mut last) = (vec![0_u32; keys + 1], vec![0_u32; keys + 1], vec![NONE; keys]);
        for Listed { key, session, .. } in &by_session {
            let key = *key as usize;
            firsts[key + 1] += 1;
            if last[key] != *session {
                last[key] = *session;
                starts[key + 1] += 1;
            }
        }
        for at in 1..=keys {
            starts[at] += starts[at - 1];
            firsts[at] += firsts[at - 1];
        }
        let empty = Group { session: NONE, first: 0, published: 0, latest: Write(0), drawn: (NONE, NONE) };
        let mut groups = vec![empty; starts[keys] as usize];
        let mut writes = vec![Write(0); firsts[keys] as usize];
        let mut of = vec![NONE; history.operations()];
        let mut next: Vec<u32> = starts.clone();
        last.fill(NONE);
        for Listed { key, session, operation, write } in by_session {
            let key = key as usize;
            if last[key] != session {
                last[key] = session;
                groups[next[key] as usize] = Group { session, first: firsts[key], ..empty };
                next[key] += 1;
            }
            of[operation as usize] = next[key] - 1;
            writes[firsts[key] as usize] = write;
            firsts[key] += 1;
        }
        Self { groups, writes, starts, of }
    }

    /// From now on a write is found, if others may read it and its outcome is known.
    pub fn publish(&mut self, operation: usize) {
        let Some(group) = self.groups.get_mut(self.of[operation] as usize) else { return };
        group.latest = self.writes[(group.first + group.published) as usize];
        group.published += 1;
    }

    /// The groups of a key.
    pub fn range(&self, key: u32) -> Range<u32> {
        self.starts[key as usize]..self.starts[key as usize + 1]
    }

    /// The last published write of a group below the limit of its session, except where `known` is no lower: what is there is
    /// known already.
    pub fn visible_in(&self, group: u32, limits: &[u32], known: &[u32]) -> Option<Write> {
        let group = &self.groups[group as usize];
        let session = group.session as usize;
        let (limit, known) = (limits[session], known.get(session).copied().unwrap_or_default());
        if group.published == 0 || limit <= known || group.latest.place() < known {
            return None;
        }
        self.last_below(group, limit).filter(|write| write.place() >= known)
    }

    /// The session of a group.
    pub fn session(&self, group: u32) -> u32 {
        self.groups[group as usize].session
    }

    /// Whether this edge was not the last one drawn from the group.
    pub fn draw(&mut self, group: u32, write: Write, to: u32) -> bool {
        let drawn = &mut self.groups[group as usize].drawn;
        let is_new = *drawn != (write.0, to);
        *drawn = (write.0, to);
        is_new
    }

    /// What a session can see lags little behind what is published, so a few steps back mostly find it.
    fn last_below(&self, group: &Group, limit: u32) -> Option<Write> {
        const STEPS: usize = 8;
        if group.latest.place() < limit {
            return Some(group.latest);
        }
        let published = &self.writes[group.first as usize..(group.first + group.published) as usize];
        let near = published.len().saturating_sub(STEPS);
        if let Some(write) = published[near..].iter().rev().find(|write| write.place() < limit) {
            return Some(*write);
        }
        let below = published[..near].partition_point(|write| write.place() < limit);
        below.checked_sub(1).map(|at| published[at])
    }
}
