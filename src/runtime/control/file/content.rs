//! What the records of a file add up to.

use std::{collections::BTreeMap, sync::Arc};

use openraft::entry::RaftEntry;
use serde::{Deserialize, Serialize};

use crate::runtime::control::{
    decided::Decided,
    founding::Acceptor,
    machine::Machine,
    member::Group,
    types::{Entry, LogId, SnapshotMeta, Vote},
};

/// One step of a file's story.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Record<D: Decided> {
    /// The first one: which disk this is.
    Disk(u32),
    /// What this disk said about the founding.
    Founding(Acceptor<D>),
    /// The group that this disk is in. From here on it founds none.
    Group(Group),
    /// Raft's vote.
    Vote(Vote<D>),
    /// More of the log.
    Append(Vec<Entry<D>>),
    /// The log is cut behind this.
    TruncateAfter(Option<LogId<D>>),
    /// The log up to here is in the snapshot, and gone.
    Purge(LogId<D>),
    /// Up to here the log is decided. The only record that may be forgotten.
    Committed(Option<LogId<D>>),
    /// What the log led to, up to some entry.
    Snapshot(SnapshotMeta<D>, Arc<Machine<D>>),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Content<D: Decided> {
    /// Which disk this is.
    pub disk: u32,
    /// What it said about the founding.
    pub founding: Acceptor<D>,
    /// The group that it is in.
    pub group: Option<Group>,
    /// Raft's vote.
    pub vote: Option<Vote<D>>,
    /// By index.
    pub log: BTreeMap<u64, Entry<D>>,
    /// The last entry that is gone.
    pub purged: Option<LogId<D>>,
    /// The last one that is known to be decided.
    pub committed: Option<LogId<D>>,
    /// What the log led to.
    pub snapshot: Option<(SnapshotMeta<D>, Arc<Machine<D>>)>,
}

impl<D: Decided> Content<D> {
    /// Of a new disk.
    pub fn new(disk: u32) -> Self {
        Self {
            disk,
            founding: Acceptor::default(),
            group: None,
            vote: None,
            log: BTreeMap::new(),
            purged: None,
            committed: None,
            snapshot: None,
        }
    }

    /// What payloads add up to; `None` where one of them cannot be read.
    pub fn replay(payloads: &[&[u8]]) -> Option<Self> {
        let mut records = payloads.iter().map(|payload| postcard::from_bytes::<Record<D>>(payload).ok());
        let Some(Some(Record::Disk(disk))) = records.next() else { return None };
        let mut content = Self::new(disk);
        for record in records {
            content.apply(record?);
        }
        Some(content)
    }

    /// Goes one step further.
    pub fn apply(&mut self, record: Record<D>) {
        match record {
            Record::Disk(disk) => self.disk = disk,
            Record::Founding(founding) => self.founding = founding,
            Record::Group(group) => self.group = Some(group),
            Record::Vote(vote) => self.vote = Some(vote),
            Record::Append(entries) => self.log.extend(entries.into_iter().map(|entry| (entry.index(), entry))),
            Record::TruncateAfter(last) => drop(self.log.split_off(&last.map_or(0, |last| last.index + 1))),
            Record::Purge(upto) => {
                self.log = self.log.split_off(&(upto.index + 1));
                self.purged = Some(upto);
            }
            Record::Committed(committed) => self.committed = committed,
            Record::Snapshot(meta, machine) => self.snapshot = Some((meta, machine)),
        }
    }

    /// The shortest story that leads here.
    pub fn records(&self) -> Vec<Record<D>> {
        let mut records = vec![Record::Disk(self.disk), Record::Founding(self.founding.clone())];
        records.extend(self.group.map(Record::Group));
        records.extend(self.vote.map(Record::Vote));
        records.extend(self.snapshot.clone().map(|(meta, machine)| Record::Snapshot(meta, machine)));
        records.extend(self.purged.map(Record::Purge));
        if !self.log.is_empty() {
            records.push(Record::Append(self.log.values().cloned().collect()));
        }
        if self.committed.is_some() {
            records.push(Record::Committed(self.committed));
        }
        records
    }
}
