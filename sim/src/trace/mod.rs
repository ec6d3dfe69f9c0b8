//! What happened in a run, as text and as one number.
//!
//! The digest covers everything, whatever text is kept: two runs with the same digest delivered the same bytes at the same times
//! and saw the same events. Text costs time, so a sweep keeps none and a failing seed is run again with all of it.

mod change;
mod line;

use std::{
    collections::VecDeque,
    fmt::{self, Display, Write},
};

use causeway::{id::NodeId, node::Event};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

pub use change::{Change, DiskState, LinkState};
pub use line::{Line, What};

use line::key_of;

/// How much text a trace keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// The digest only.
    #[default]
    Nothing,
    /// The last lines.
    Last(usize),
    /// Everything.
    All,
}

/// One thing worth a line.
#[derive(Clone, Copy)]
pub enum Entry<'a> {
    /// A node says that something happened.
    Event(NodeId, &'a Event),
    /// A frame reached a node's process.
    Frame {
        /// Who sent it.
        from: NodeId,
        /// Whom it reached.
        to: NodeId,
        /// When it was sent.
        sent_us: u64,
        /// What is in it.
        bytes: &'a [u8],
    },
    /// A frame did not reach anyone.
    Lost {
        /// Who sent it.
        from: NodeId,
        /// Whom it was for.
        to: NodeId,
        /// When it was sent.
        sent_us: u64,
        /// Why.
        why: &'static str,
    },
    /// A client asked or was answered.
    Client(&'a dyn Display),
    /// Something was done to the world.
    Fault(&'a dyn Display),
    /// The world changed.
    Change(&'a Change),
}

/// Turns a frame into text for the trace.
pub type Describe = fn(&[u8]) -> String;

/// The trace of one run.
pub struct Trace {
    digest: Xxh3,
    keep: Keep,
    lines: VecDeque<Line>,
    describe: Describe,
}

impl Default for Trace {
    fn default() -> Self {
        Self { digest: Xxh3::new(), keep: Keep::Nothing, lines: VecDeque::new(), describe: size_and_hash }
    }
}

impl Trace {
    /// An empty trace.
    pub fn new(keep: Keep) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Lets frames be shown by what they say instead of by size and hash. Does not change the digest.
    pub fn describe_frames(&mut self, describe: Describe) {
        self.describe = describe;
    }

    /// Adds an entry at a true time.
    pub fn add(&mut self, at_us: u64, entry: Entry<'_>) {
        self.digest.update(&at_us.to_le_bytes());
        self.digest_entry(entry);
        let limit = match self.keep {
            Keep::Nothing => return,
            Keep::Last(limit) => limit,
            Keep::All => usize::MAX,
        };
        if self.lines.len() >= limit {
            self.lines.pop_front();
        }
        self.lines.push_back(self.line(at_us, entry));
    }

    /// A number that stands for everything that was added.
    pub fn digest(&self) -> u64 {
        self.digest.digest()
    }

    /// The lines that were kept, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// The same, taken out.
    pub fn take_lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines).into()
    }

    /// The lines that were kept, as one text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            // A `String` takes whatever is written to it.
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn digest_entry(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Event(node, event) => self.digest_text('e', &format_args!("{node} {event}")),
            Entry::Frame { from, to, bytes, sent_us: _ } => {
                self.digest.update(b"f");
                self.digest.update(&from.0.to_le_bytes());
                self.digest.update(&to.0.to_le_bytes());
                self.digest.update(bytes);
            }
            Entry::Lost { from, to, why, sent_us: _ } => self.digest_text('l', &format_args!("{from} {to} {why}")),
            Entry::Client(what) => self.digest_text('c', what),
            Entry::Fault(what) => self.digest_text('w', what),
            Entry::Change(what) => self.digest_text('w', what),
        }
    }

    fn digest_text(&mut self, kind: char, text: &dyn Display) {
        struct Into<'a>(&'a mut Xxh3);
        impl Write for Into<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.update(text.as_bytes());
                Ok(())
            }
        }
        let written = writeln!(Into(&mut self.digest), "{kind}{text}");
        debug_assert!(written.is_ok(), "a digest takes any text");
    }

    fn line(&self, at_us: u64, entry: Entry<'_>) -> Line {
        let what = match entry {
            Entry::Event(node, event) => What::Event { node, key: key_of(event), text: event.to_string() },
            Entry::Frame { from, to, sent_us, bytes } => What::Frame { from, to, sent_us, text: (self.describe)(bytes) },
            Entry::Lost { from, to, sent_us, why } => What::Lost { from, to, sent_us, why: why.to_owned() },
            Entry::Client(what) => What::Client { text: what.to_string() },
            Entry::Fault(what) => What::Fault { text: what.to_string() },
            Entry::Change(change) => What::Change { change: change.clone() },
        };
        Line { at_us, what }
    }
}

fn size_and_hash(bytes: &[u8]) -> String {
    format!("{} bytes {:016x}", bytes.len(), xxh3_64(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(keep: Keep) -> Trace {
        let mut trace = Trace::new(keep);
        for number in 0..5u8 {
            let bytes = [number];
            trace.add(u64::from(number) * 1_500_000, Entry::Frame { from: NodeId(0), to: NodeId(1), sent_us: 0, bytes: &bytes });
        }
        trace.add(9_000_000, Entry::Event(NodeId(1), &Event::Down(NodeId(0))));
        trace
    }

    #[test]
    fn the_digest_does_not_depend_on_what_is_kept() {
        let digests = [Keep::Nothing, Keep::Last(2), Keep::All].map(|keep| filled(keep).digest());
        assert_eq!(digests[0], digests[1]);
        assert_eq!(digests[0], digests[2]);
        let mut other = filled(Keep::Nothing);
        other.add(9_000_000, Entry::Fault(&"another line"));
        assert_ne!(other.digest(), digests[0]);
    }

    #[test]
    fn a_bounded_trace_keeps_its_last_lines() {
        assert_eq!(filled(Keep::All).lines().count(), 6);
        let trace = filled(Keep::Last(2));
        let lines: Vec<String> = trace.lines().map(ToString::to_string).collect();
        assert_eq!(lines, ["   6.000000 n0 > n1: 1 bytes 73b2284b32bf8672", "   9.000000 n1: down n0"]);
    }
}
