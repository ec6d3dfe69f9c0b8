//! Raft's log and vote, on the shelf.

use std::{fmt::Debug, io, ops::RangeBounds};

use openraft::{
    LogState, RaftLogReader,
    entry::RaftEntry,
    storage::{IOFlushed, RaftLogStorage},
};

use super::{
    decided::Decided,
    file::{Failure, Record, Shelf},
    types::{Entry, LogId, Types, Vote},
};

/// See the module.
pub(super) struct LogStore<D: Decided>(pub Shelf<D>);

fn failed(failure: Failure) -> io::Error {
    io::Error::other(failure)
}

impl<D: Decided> RaftLogReader<Types<D>> for LogStore<D> {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + Send>(&mut self, range: R) -> io::Result<Vec<Entry<D>>> {
        Ok(self.0.read(|content| content.log.range(range).map(|(_, entry)| entry.clone()).collect()))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote<D>>> {
        Ok(self.0.read(|content| content.vote))
    }
}

impl<D: Decided> RaftLogStorage<Types<D>> for LogStore<D> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types<D>>> {
        Ok(self.0.read(|content| {
            let last = content.log.values().next_back().map(RaftEntry::log_id);
            LogState { last_purged_log_id: content.purged, last_log_id: last.or(content.purged) }
        }))
    }

    async fn get_log_reader(&mut self) -> Self {
        Self(self.0.clone())
    }

    async fn save_vote(&mut self, vote: &Vote<D>) -> io::Result<()> {
        self.0.keep(Record::Vote(*vote)).await.map_err(failed)
    }

    async fn save_committed(&mut self, committed: Option<LogId<D>>) -> io::Result<()> {
        self.0.keep(Record::Committed(committed)).await.map_err(failed)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId<D>>> {
        Ok(self.0.read(|content| content.committed))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types<D>>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry<D>> + Send,
        I::IntoIter: Send,
    {
        let kept = self.0.keep(Record::Append(entries.into_iter().collect())).await.map_err(failed);
        callback.io_completed(match &kept {
            Ok(()) => Ok(()),
            Err(error) => Err(io::Error::other(error.to_string())),
        });
        kept
    }

    async fn truncate_after(&mut self, last: Option<LogId<D>>) -> io::Result<()> {
        self.0.keep(Record::TruncateAfter(last)).await.map_err(failed)
    }

    async fn purge(&mut self, upto: LogId<D>) -> io::Result<()> {
        self.0.keep(Record::Purge(upto)).await.map_err(failed)
    }
}
