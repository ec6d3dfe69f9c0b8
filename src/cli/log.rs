//! `causeway log verify` and `log inspect`: what a node's data folder holds, and whether it is whole. Read only, and without the
//! lock, so that a folder can be looked at while its node runs; then its end may be seen half written.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::CliError;
use crate::{
    id::ActorId,
    store::{
        MARKS_NAME, MarksContent, MarksScan, Position, Record, SetAside, Snapshot, SnapshotDecoder, SnapshotError, Stop, Version,
        log::{
            Beside, Finding, LogState, PlacedFrame, SegmentScan, judge_log, judge_marks, scan_segment, segment_name,
            segment_number,
        },
        scan_marks, set_aside_actor, set_aside_name, snapshot_name, snapshot_segment,
    },
};

/// Something on the disk is not what was written.
pub const EXIT_DAMAGED: u8 = 5;

/// What to do with a data folder.
#[derive(Debug, clap::Subcommand)]
pub enum LogCommand {
    /// Say what a node's data folder holds and whether it is whole; exit code 5 if not
    Verify(Folder),
    /// List every record and every stored version, one a line, without their values
    Inspect(Folder),
}

/// A node's data folder.
#[derive(Debug, clap::Args)]
pub struct Folder {
    /// The data folder of one node
    folder: PathBuf,
}

impl LogCommand {
    /// Prints it to standard output; the exit code.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn run(&self) -> Result<u8, CliError> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let printed = match self {
            Self::Verify(Folder { folder }) => verify(folder, &mut out),
            Self::Inspect(Folder { folder }) => inspect(folder, &mut out),
        };
        match printed.and_then(|verified| out.flush().map(|()| verified)) {
            Ok(verified) => Ok(if verified.is_damaged() { EXIT_DAMAGED } else { 0 }),
            // Closed, as by `head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a look at a data folder came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Everything out of the ordinary.
    pub findings: Vec<Finding>,
    /// How many records the log holds.
    pub records: usize,
}

impl Verified {
    /// Whether something is not what was written.
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(Finding::is_damage)
    }
}

/// Prints each file with its counts, and everything that is out of the ordinary with its place.
///
/// # Errors
/// The folder cannot be read, or `out` not be written.
pub fn verify(folder: &Path, out: &mut impl Write) -> io::Result<Verified> {
    let found = Found::read(folder)?;
    found.print_marks(out)?;
    for (segment, snapshot) in &found.snapshots {
        print_snapshot(*segment, snapshot, out)?;
    }
    for (number, scan) in &found.segments {
        print_segment(*number, scan, out)?;
    }
    for set in &found.set_aside {
        print_set_aside(set, out)?;
    }
    found.print_findings(out)
}

/// Prints every record and every stored version, then what is out of the ordinary.
///
/// # Errors
/// The folder cannot be read, or `out` not be written.
pub fn inspect(folder: &Path, out: &mut impl Write) -> io::Result<Verified> {
    let found = Found::read(folder)?;
    found.print_marks(out)?;
    for (segment, snapshot) in &found.snapshots {
        print_snapshot(*segment, snapshot, out)?;
        for (key, versions) in snapshot.iter().flat_map(|(snapshot, _)| &snapshot.entries) {
            for version in versions {
                writeln!(out, "  {} {} {}", key.escape_debug(), version.dot, ValueLength(version))?;
            }
        }
    }
    for (number, scan) in &found.segments {
        print_segment(*number, scan, out)?;
        for PlacedFrame { offset, frame } in &scan.frames {
            for (record, lsn) in frame.records.iter().zip(frame.first.0..) {
                writeln!(out, "  {number}+{offset} lsn {lsn} {}", WithoutValue(record))?;
            }
        }
    }
    for set in &found.set_aside {
        print_set_aside(set, out)?;
        for write in &set.writes {
            writeln!(out, "  {}", WithoutValue(&Record::Write(write.clone())))?;
        }
    }
    found.print_findings(out)
}

type ReadSnapshot = Result<(Snapshot, u64), SnapshotError>;

/// All that a data folder holds.
struct Found {
    marks: MarksScan,
    snapshots: Vec<(u64, ReadSnapshot)>,
    segments: Vec<(u64, SegmentScan)>,
    set_aside: Vec<SetAside>,
    unreadable: Vec<ActorId>,
}

impl Found {
    fn read(folder: &Path) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        let marks = if names.iter().any(|name| name == MARKS_NAME) { fs::read(folder.join(MARKS_NAME))? } else { Vec::new() };
        let (snapshots, segments, set_aside, unreadable) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut found = Self { marks: scan_marks(&marks), snapshots, segments, set_aside, unreadable };
        for segment in names.iter().filter_map(|name| snapshot_segment(name)) {
            let bytes = fs::read(folder.join(snapshot_name(segment)))?;
            found.snapshots.push((segment, read_snapshot(segment, &bytes)));
        }
        for number in names.iter().filter_map(|name| segment_number(name)) {
            let bytes = fs::read(folder.join(segment_name(number)))?;
            found.segments.push((number, scan_segment(number, &bytes)));
        }
        for actor in names.iter().filter_map(|name| set_aside_actor(name)) {
            match SetAside::decode(&fs::read(folder.join(set_aside_name(actor)))?) {
                Some(set) => found.set_aside.push(set),
                None => found.unreadable.push(actor),
            }
        }
        Ok(found)
    }

    fn content(&self) -> Option<&MarksContent> {
        self.marks.newest().map(|(_, _, content)| content)
    }

    /// Judges as a start would: what an older snapshot or segment holds does not count.
    fn judge(&self) -> Vec<Finding> {
        let whole = self.snapshots.iter().rev().find(|(_, snapshot)| snapshot.is_ok()).map(|(segment, _)| *segment);
        let base = whole.unwrap_or(1);
        let newer = self.snapshots.iter().filter(|(segment, _)| Some(*segment) > whole);
        let lost =
            newer.filter_map(|(segment, read)| Some(Finding::LostSnapshot { segment: *segment, error: *read.as_ref().err()? }));
        let mut findings: Vec<Finding> = lost.collect();
        let segments = &self.segments[self.segments.partition_point(|(number, _)| *number < base)..];
        let durable = self.content().map_or_else(Position::default, |content| content.durable);
        findings.extend(judge_log(LogState { base, segments, durable }));
        let has_frames = segments.iter().any(|(_, scan)| !scan.frames.is_empty());
        let beside = if whole.is_some() || has_frames { Beside::Something } else { Beside::Nothing };
        findings.extend(judge_marks(&self.marks, beside));
        findings.extend(self.unreadable.iter().map(|actor| Finding::LostSetAside(*actor)));
        findings
    }

    fn print_marks(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(version) = self.marks.newer() {
            return writeln!(out, "marks       format version {version} is newer than this program");
        }
        let Some(content) = self.content() else { return writeln!(out, "marks       none") };
        let MarksContent { identity, policy, stop, durable, last, marks, .. } = content;
        let end = match stop {
            Stop::Clean => "stopped cleanly",
            Stop::None => "runs, or crashed",
        };
        writeln!(out, "marks       node {} of cluster {:016x}, fsync {policy}, {end}", identity.node, identity.cluster)?;
        writeln!(out, "            log durable up to {durable}, {last}")?;
        match marks {
            Some(marks) => {
                let writes = if marks.may_write { "may write" } else { "may not write" };
                writeln!(out, "            lease {}, {writes}, applied [{}]", marks.lease, marks.applied)
            }
            None => writeln!(out, "            the node has written none"),
        }
    }

    fn print_findings(&self, out: &mut impl Write) -> io::Result<Verified> {
        let verified = Verified { findings: self.judge(), records: self.segments.iter().map(|(_, scan)| records(scan)).sum() };
        for finding in &verified.findings {
            let weight = match finding {
                finding if finding.is_damage() => "DAMAGE",
                finding if finding.is_loss() => "may lack",
                _ => "no loss",
            };
            writeln!(out, "{weight:<11} {finding}")?;
        }
        let whole = if verified.is_damaged() { "damaged" } else { "whole" };
        writeln!(out, "{whole}: {} records, {} findings", verified.records, verified.findings.len())?;
        Ok(verified)
    }
}

fn read_snapshot(segment: u64, bytes: &[u8]) -> ReadSnapshot {
    SnapshotDecoder::read(segment, bytes).map(|(snapshot, _)| (snapshot, bytes.len() as u64))
}

fn print_snapshot(segment: u64, snapshot: &ReadSnapshot, out: &mut impl Write) -> io::Result<()> {
    let name = format!("snapshot {segment}");
    match snapshot {
        Ok((snapshot, length)) => {
            let versions: usize = snapshot.entries.iter().map(|(_, versions)| versions.len()).sum();
            let applied = &snapshot.head.applied;
            writeln!(out, "{name:<11} {} keys, {versions} versions, {length} bytes, applied [{applied}]", snapshot.entries.len())
        }
        Err(error) => writeln!(out, "{name:<11} {error}"),
    }
}

fn print_segment(number: u64, scan: &SegmentScan, out: &mut impl Write) -> io::Result<()> {
    let name = format!("log {number}");
    let (Some(first), Some(last)) = (scan.frames.first(), scan.frames.last()) else {
        return writeln!(out, "{name:<11} empty");
    };
    let (frames, records) = (scan.frames.len(), records(scan));
    let (from, to) = (first.frame.first, last.frame.last());
    writeln!(out, "{name:<11} {frames} frames, {records} records, {from} to {}, {} bytes", to.0, scan.end())
}

fn print_set_aside(set: &SetAside, out: &mut impl Write) -> io::Result<()> {
    let settled = if set.cut.is_some() { "" } else { ", some of which may count" };
    writeln!(out, "set aside   {} records of {}, {} left out{settled}", set.writes.len(), set.actor, set.left_out)
}

fn records(scan: &SegmentScan) -> usize {
    scan.frames.iter().map(|placed| placed.frame.records.len()).sum()
}

/// A record, of whose value only the length is shown. Keys are escaped: they may hold what would move the cursor.
struct WithoutValue<'a>(&'a Record);

impl fmt::Display for WithoutValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Record::Write(write) => write!(f, "{} {} {}", write.key.escape_debug(), write.dot, ValueLength(&write.version())),
            Record::Applied(vector) => write!(f, "applied [{vector}]"),
        }
    }
}

/// How long a version's value is, or that it has none.
struct ValueLength<'a>(&'a Version);

impl fmt::Display for ValueLength<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.value {
            Some(value) => write!(f, "{} bytes", value.bytes.len()),
            None => f.write_str("deleted"),
        }
    }
}
