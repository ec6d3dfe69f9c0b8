//! The text format of the public tools, in and out, and what it has no room for.
//!
//! One operation a line, sessions mixed as you like, each in its own order: `r(key,value,session,transaction)` and
//! `w(key,value,session,transaction)`. Value 0 is 'nothing there', transaction -1 is what was rolled back. Plume (OOPSLA 2024),
//! PolySI and AWDIT (PLDI 2025) read and write it. Of our own are:
//!
//! | line | means |
//! | --- | --- |
//! | `d(key,name,session,transaction)` | a delete; the name is any number |
//! | `?` at the end of a write | its outcome is unknown |
//! | `#` at the start | a comment |
//!
//! A history without deletes and unknown outcomes is written without any of these.

use std::{
    error::Error,
    fmt,
    io::{self, Read, Write},
};

use super::{ABORTED, Action, Builder, History, Malformed, Op, Outcome};

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;

/// Why a text is no history.
#[derive(Debug)]
pub enum TextError {
    /// It cannot be read.
    Read(io::Error),
    /// A line is not of the format.
    Line {
        /// Which, from 1.
        number: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A line is, and does not fit to those before it.
    History {
        /// Which, from 1.
        number: u64,
        /// What does not fit.
        why: Malformed,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Line { number, why } => write!(f, "line {number}: {why}"),
            Self::History { number, why } => write!(f, "line {number}: {why}"),
        }
    }
}

impl Error for TextError {}

/// Reads a history as it comes, without holding its text.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(mut from: impl Read) -> Result<History, TextError> {
    let mut builder = Builder::default();
    let mut buffer = vec![0; PIECE];
    let mut held = 0;
    let mut number = 0;
    loop {
        if held == buffer.len() {
            buffer.resize(held * 2, 0);
        }
        let read = match from.read(&mut buffer[held..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(TextError::Read(error)),
        };
        let end = held + read;
        let whole = if read == 0 { end } else { buffer[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        lines(&buffer[..whole], &mut number, &mut builder)?;
        buffer.copy_within(whole..end, 0);
        held = end - whole;
        if read == 0 {
            return Ok(builder.finish());
        }
    }
}

/// Writes a history.
///
/// # Errors
/// It cannot be written.
pub fn write(history: &History, mut to: impl Write) -> io::Result<()> {
    history.iter().try_for_each(|op| writeln!(to, "{op}"))
}

fn lines(text: &[u8], number: &mut u64, builder: &mut Builder) -> Result<(), TextError> {
    let mut cursor = Cursor { text, at: 0 };
    while cursor.at < text.len() {
        *number += 1;
        match cursor.line() {
            Ok(Some(op)) => builder.push(op).map_err(|why| TextError::History { number: *number, why })?,
            Ok(None) => {}
            Err(why) => return Err(TextError::Line { number: *number, why }),
        }
    }
    Ok(())
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The next line, to behind its end; `None` if it says nothing.
    fn line(&mut self) -> Result<Option<Op>, &'static str> {
        let action = match self.next() {
            b'r' => Action::Read,
            b'w' => Action::Put,
            b'd' => Action::Delete,
            b'\n' => return Ok(None),
            b'#' => {
                while self.next() != b'\n' {}
                return Ok(None);
            }
            b'\r' if self.next() == b'\n' => return Ok(None),
            _ => return Err("an operation begins with r, w or d"),
        };
        if self.next() != b'(' {
            return Err("after the letter comes (");
        }
        let key = self.number(b',')?;
        let value = self.number(b',')?;
        let session = self.number(b',')?;
        let aborted = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(aborted);
        let number = i64::try_from(self.number(b')')?).map_err(|_| "a transaction's number does not fit into 63 bits")?;
        let mut outcome = match (aborted, number) {
            (false, _) => Outcome::Done,
            (true, 1) => Outcome::Failed,
            (true, _) => return Err("of the negative transactions there is only -1"),
        };
        let mut next = self.next();
        if next == b'?' {
            if action == Action::Read || aborted {
                return Err("only a write that was not rolled back can have an unknown outcome");
            }
            outcome = Outcome::Unknown;
            next = self.next();
        }
        if next == b'\r' {
            next = self.next();
        }
        if next != b'\n' {
            return Err("more on the line than one operation");
        }
        let transaction = if aborted { ABORTED } else { number };
        Ok(Some(Op { session, transaction, key, value, action, outcome }))
    }

    /// The byte here, and one further. Behind the end is the end of a line.
    fn next(&mut self) -> u8 {
        let byte = self.text.get(self.at).copied().unwrap_or(b'\n');
        self.at += 1;
        byte
    }

    /// The number here, and behind what ends it.
    fn number(&mut self, end: u8) -> Result<u64, &'static str> {
        let mut number: u64 = 0;
        let from = self.at;
        loop {
            let byte = self.next();
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
                continue;
            }
            return match self.at - 1 - from {
                _ if byte != end => {
                    Err("key, value, session and transaction are numbers with commas between them, in parentheses")
                }
                0 => Err("a number is missing"),
                1..=19 => Ok(number),
                _ => {
                    let digits = str::from_utf8(&self.text[from..self.at - 1]).unwrap_or_default();
                    digits.parse().map_err(|_| "a number does not fit into 64 bits")
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        let mut out = Vec::new();
        write(&read(text.as_bytes()).unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn files_of_the_public_tools_come_out_as_they_went_in() {
        let text = "w(0,1,0,0)\nr(0,0,1,1)\nr(0,1,1,2)\nw(1,7,1,2)\nw(0,2,0,-1)\n";
        assert_eq!(round_trip(text), text);
        assert_eq!(round_trip(&text.replace('\n', "\r\n")), text);
        assert_eq!(round_trip(text.trim_end()), text);
    }

    #[test]
    fn so_do_deletes_and_unknown_outcomes_but_not_comments() {
        let text = "d(0,1,0,0)\nw(0,2,0,1)?\nd(0,3,1,2)?\n";
        assert_eq!(round_trip(&format!("# a story\n\n{text}# its end")), text);
    }

    #[test]
    fn a_bad_line_is_named() {
        let bad = [
            "x(0,1,0,0)",
            "w0,1,0,0)",
            "w(0,1,0)",
            "w(0,,0,0)",
            "w(0,1,0,-2)",
            "r(0,1,0,0)?",
            "w(0,1,0,0)x",
            "w(0,1,0,0",
            "w",
            "w(0,99999999999999999999,0,0)",
            "w(-1,1,0,0)",
        ];
        for line in bad {
            let error = read(format!("# a\n{line}\nw(0,2,0,9)\n").as_bytes()).unwrap_err();
            assert!(matches!(error, TextError::Line { number: 2, .. }), "{line}: {error}");
        }
        let error = read("w(0,0,0,0)".as_bytes()).unwrap_err();
        assert!(matches!(error, TextError::History { number: 1, why: Malformed::PutOfAbsent { key: 0 } }), "{error}");
    }

    /// Gives one byte at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let text: String = (0..100).map(|i| format!("w({i},{},{},{i})\n", i + 1, i % 3)).collect();
        let history = read(Trickle(text.as_bytes())).unwrap();
        assert_eq!((history.operations(), history.sessions()), (100, 3));
    }
}
