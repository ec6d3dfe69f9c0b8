//! The journal at work: commands in, events out.

use std::sync::Arc;

use tokio::{
    select,
    sync::{mpsc, oneshot},
};

use super::{
    Journal, JournalOptions, JournalStats,
    log_writer::{AppendError, LogWriter, Rolled},
    marks_writer::{MarksOrder, MarksTell},
    set_aside_writer::{self, write_set_aside},
    snapshot_writer::{SnapshotWriter, give_up},
};
use crate::{
    id::Lsn,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    node::{JournalCommand, JournalEvent},
    runtime::{Disk, Env},
    store::{
        FsyncPolicy, Key, Record, SetAside, SnapshotHead, Stop, Version,
        log::{Fitted, FrameBuilder},
    },
};

/// How much one frame takes at most of what waits; a single record may be longer.
const BATCH_BYTES: usize = 4 << 20;

/// How long [`Mutant::AnswerBeforeFsync`] puts a sync off.
const MUTANT_SYNC_MS: u64 = 1_000;

impl<D: Disk> Journal<D> {
    /// Does what the commands say until there will be no more; then syncs everything and notes that the end was clean.
    pub async fn run<E: Env<Disk = D>>(
        self,
        env: E,
        mut commands: mpsc::UnboundedReceiver<JournalCommand>,
        events: mpsc::UnboundedSender<JournalEvent>,
    ) {
        let (marks, orders) = mpsc::unbounded_channel();
        let (stopped, marks_stopped) = oneshot::channel();
        let tell = MarksTell { events: events.clone(), stats: self.stats(), stopped };
        env.spawn_disk(self.marks.run(orders, tell));
        let mut running = Running {
            env,
            disk: self.disk,
            options: self.options,
            log: self.log,
            state: LogState::Open,
            frame: FrameBuilder::default(),
            first: Lsn::default(),
            sync_due_us: None,
            snapshot: None,
            growth: Growth { uncovered_bytes: self.uncovered_bytes, ..Growth::default() },
            marks,
            events,
            stats: self.stats,
        };
        running.tell_if_due();
        while let Some(command) = running.next(&mut commands).await {
            running.stats.show_queue(commands.len());
            running.take(command).await;
            while running.frame.length() < BATCH_BYTES
                && let Ok(command) = commands.try_recv()
            {
                running.take(command).await;
            }
            running.commit().await;
        }
        running.stop().await;
        // An error says that the marks' task has gone before: then it has nothing left to write.
        let _ = marks_stopped.await;
    }
}

/// Whether the log takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogState {
    Open,
    /// A sync has failed. What was not durable then is in doubt.
    Failed,
}

struct Running<E: Env> {
    env: E,
    disk: E::Disk,
    options: JournalOptions,
    log: LogWriter<E::Disk>,
    state: LogState,
    /// The records of the next frame, of which `first` is the first.
    frame: FrameBuilder,
    first: Lsn,
    /// When to sync at the latest, under a policy that puts syncs off.
    sync_due_us: Option<u64>,
    snapshot: Option<SnapshotWriter<E::Disk>>,
    growth: Growth,
    marks: mpsc::UnboundedSender<MarksOrder>,
    events: mpsc::UnboundedSender<JournalEvent>,
    stats: Arc<JournalStats>,
}

/// How much the log has grown since what.
#[derive(Debug, Default)]
struct Growth {
    /// Bytes of log that no snapshot stands for.
    uncovered_bytes: u64,
    /// As many of them as the snapshot on its way stands for.
    covering_bytes: u64,
    /// After a snapshot was given up: not due again before this.
    not_before_bytes: u64,
    asked: bool,
}

impl<E: Env> Running<E> {
    /// The next command, syncing meanwhile when that is due.
    async fn next(&mut self, commands: &mut mpsc::UnboundedReceiver<JournalCommand>) -> Option<JournalCommand> {
        loop {
            let Some(due_us) = self.sync_due_us else { return commands.recv().await };
            if self.env.now().monotonic_us >= due_us {
                self.sync().await;
                continue;
            }
            select! {
                biased;
                command = commands.recv() => return command,
                () = self.env.sleep_until(due_us) => {}
            }
        }
    }

    async fn take(&mut self, command: JournalCommand) {
        match command {
            JournalCommand::Append { lsn, record } => self.append(lsn, &record).await,
            JournalCommand::Mark(marks) => self.order(MarksOrder::Keep(marks, self.log.synced())),
            JournalCommand::SnapshotBegin(head) => {
                self.commit().await;
                self.begin_snapshot(head).await;
            }
            JournalCommand::SnapshotPart(entries) => self.add_to_snapshot(&entries).await,
            JournalCommand::SnapshotEnd => self.end_snapshot().await,
            JournalCommand::SetAside(set) => self.set_aside(&set).await,
        }
    }

    async fn append(&mut self, lsn: Lsn, record: &Record) {
        if self.state == LogState::Failed {
            return;
        }
        if lsn.0 != self.first.0 + u64::from(self.frame.count()) {
            self.commit().await;
            self.first = lsn;
        }
        if self.frame.push(record) == Fitted::Yes {
            return;
        }
        self.commit().await;
        self.first = lsn;
        if self.frame.push(record) == Fitted::No {
            self.refuse(lsn, lsn);
            self.first = lsn.next();
        }
    }

    /// Writes what was collected as one frame, and makes it durable by the policy.
    async fn commit(&mut self) {
        if self.frame.count() == 0 || self.state == LogState::Failed {
            return;
        }
        let records = u64::from(self.frame.count());
        let (first, last) = (self.first, Lsn(self.first.0 + records - 1));
        let appended = self.log.append(&mut self.frame, first).await;
        self.frame.clear();
        self.first = last.next();
        match appended {
            Ok(bytes) => {
                self.stats.count_frame(records, bytes);
                self.growth.uncovered_bytes += bytes;
                self.settle(last).await;
                self.tell_if_due();
            }
            Err(AppendError::Full) => self.refuse(first, last),
            Err(AppendError::Broken) => self.fail(),
        }
    }

    /// What was written up to `last` becomes durable: now, later, or when it likes.
    async fn settle(&mut self, last: Lsn) {
        let policy =
            if planted(Mutant::AnswerBeforeFsync) { FsyncPolicy::Interval { ms: MUTANT_SYNC_MS } } else { self.options.policy };
        match policy {
            FsyncPolicy::Always => {
                self.sync().await;
                if self.state == LogState::Failed {
                    return;
                }
            }
            FsyncPolicy::Interval { ms } => {
                let due_us = self.env.now().monotonic_us + ms * 1_000;
                self.sync_due_us.get_or_insert(due_us);
            }
            FsyncPolicy::Never => {}
        }
        self.tell(JournalEvent::Durable(last));
    }

    async fn sync(&mut self) {
        self.sync_due_us = None;
        if self.state == LogState::Failed {
            return;
        }
        let began_us = self.env.now().monotonic_us;
        let synced = self.log.sync().await;
        self.stats.count_sync(self.env.now().monotonic_us.saturating_sub(began_us));
        if synced.is_err() {
            self.fail();
        }
    }

    fn refuse(&mut self, first: Lsn, last: Lsn) {
        reached(Mark::DiskFull);
        self.stats.count_refused(last.0 - first.0 + 1);
        self.tell(JournalEvent::Refused { first, last });
    }

    fn fail(&mut self) {
        self.state = LogState::Failed;
        self.frame.clear();
        reached(Mark::FsyncFailed);
        self.stats.count_failure();
        self.tell(JournalEvent::Failed { durable: self.log.synced().last });
    }

    async fn begin_snapshot(&mut self, head: SnapshotHead) {
        // A log in doubt is evidence, and what was made of it may be in doubt too: neither is replaced by a snapshot.
        let rolled = match self.state {
            LogState::Open => self.log.roll().await,
            LogState::Failed => Ok(Rolled::NoRoom),
        };
        match rolled {
            Ok(Rolled::Yes) => {}
            Ok(Rolled::NoRoom) => return self.give_up_snapshot().await,
            Err(_) => {
                self.fail();
                return self.give_up_snapshot().await;
            }
        }
        self.growth.covering_bytes = self.growth.uncovered_bytes;
        match SnapshotWriter::begin(&self.disk, self.log.segment(), self.log.last(), head).await {
            Ok(snapshot) => self.snapshot = Some(snapshot),
            Err(_) => self.give_up_snapshot().await,
        }
    }

    async fn add_to_snapshot(&mut self, entries: &[(Key, Vec<Version>)]) {
        let Some(snapshot) = &mut self.snapshot else { return };
        match snapshot.part(entries).await {
            Ok(()) => self.tell(JournalEvent::SnapshotPartDone),
            Err(_) => self.give_up_snapshot().await,
        }
    }

    async fn end_snapshot(&mut self) {
        let Some(snapshot) = self.snapshot.take() else { return };
        if snapshot.end().await.is_err() {
            return self.give_up_snapshot().await;
        }
        reached(Mark::LogTruncated);
        self.stats.count_snapshot();
        self.order(MarksOrder::Replaced(self.log.synced()));
        self.growth = Growth { uncovered_bytes: self.growth.uncovered_bytes - self.growth.covering_bytes, ..Growth::default() };
        self.tell(JournalEvent::SnapshotDone);
        self.tell_if_due();
    }

    /// Nothing is lost: the log is still there. Asks again once the log has grown by a quarter.
    async fn give_up_snapshot(&mut self) {
        self.snapshot = None;
        give_up(&self.disk).await;
        reached(Mark::SnapshotGivenUp);
        self.stats.count_snapshot_given_up();
        let not_before_bytes = self.growth.uncovered_bytes + self.options.snapshot_after_bytes / 4 + 1;
        self.growth = Growth { not_before_bytes, covering_bytes: 0, asked: false, ..self.growth };
        self.tell(JournalEvent::SnapshotGivenUp);
    }

    async fn set_aside(&mut self, set: &SetAside) {
        if write_set_aside(&self.disk, set).await.is_ok() {
            return self.tell(JournalEvent::SetAside(set.actor));
        }
        set_aside_writer::give_up(&self.disk).await;
        self.tell(JournalEvent::NotSetAside(set.actor));
    }

    fn tell_if_due(&mut self) {
        let due_bytes = self.options.snapshot_after_bytes.max(self.growth.not_before_bytes);
        if !self.growth.asked && self.growth.uncovered_bytes >= due_bytes {
            self.growth.asked = true;
            self.tell(JournalEvent::SnapshotDue);
        }
    }

    async fn stop(&mut self) {
        if self.snapshot.take().is_some() {
            give_up(&self.disk).await;
        }
        self.sync().await;
        let stop = if self.state == LogState::Open { Stop::Clean } else { Stop::None };
        self.order(MarksOrder::Stop(stop, self.log.synced()));
    }

    fn tell(&self, event: JournalEvent) {
        // Nobody listens any more: the node is gone, and the commands that are left are still carried out.
        let _ = self.events.send(event);
    }

    fn order(&self, order: MarksOrder) {
        // The marks' task ends before this one only with the incarnation.
        let _ = self.marks.send(order);
    }
}
