//! Where two traces part.

use std::{
    collections::VecDeque,
    fmt::{self, Write},
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use crate::trace::Line;

/// Lines that are shown before the first that differs, and of each side from there on.
pub const CONTEXT: usize = 10;

/// The first line in which two traces differ, and what is around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// How many lines are the same.
    pub common: usize,
    /// The last of these.
    pub before: Vec<Line>,
    /// How the left one goes on; empty where it ends.
    pub left: Vec<Line>,
    /// How the right one goes on; empty where it ends.
    pub right: Vec<Line>,
}

/// Where two traces part; `None` when they are the same.
pub fn first_divergence(left: impl IntoIterator<Item = Line>, right: impl IntoIterator<Item = Line>) -> Option<Divergence> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut before = VecDeque::new();
    let mut common = 0;
    let rest = |first: Option<Line>, rest: &mut dyn Iterator<Item = Line>| first.into_iter().chain(rest).take(CONTEXT).collect();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (Some(line), Some(other)) if line == other => {
                common += 1;
                if before.len() == CONTEXT {
                    before.pop_front();
                }
                before.push_back(line);
            }
            (first, second) => {
                let (left, right) = (rest(first, &mut left), rest(second, &mut right));
                return Some(Divergence { common, before: before.into(), left, right });
            }
        }
    }
}

/// Reads a trace: one line of JSON each.
///
/// # Errors
/// There is no such file, or something else is in it.
pub fn read_trace(path: &Path) -> io::Result<Vec<Line>> {
    let lines = BufReader::new(File::open(path)?).lines().enumerate();
    let parse = |(number, line): (usize, io::Result<String>)| {
        serde_json::from_str(&line?).map_err(|error| io::Error::other(format!("line {}: {error}", number + 1)))
    };
    lines.map(parse).collect()
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_us = [&self.left, &self.right].into_iter().filter_map(|side| side.first()).map(|line| line.at_us).min();
        let at_us = at_us.unwrap_or_default();
        write!(f, "{} lines are the same; they part at {}.{:06} s", self.common, at_us / 1_000_000, at_us % 1_000_000)?;
        show(f, ' ', &self.before)?;
        for (mark, side) in [('<', &self.left), ('>', &self.right)] {
            f.write_char('\n')?;
            if side.is_empty() {
                write!(f, "{mark} (ends here)")?;
            } else {
                show(f, mark, side)?;
            }
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, mark: char, lines: &[Line]) -> fmt::Result {
    lines.iter().try_for_each(|line| write!(f, "\n{mark} {line}"))
}
