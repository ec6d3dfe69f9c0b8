//! The part of a sweep that one machine does.

use std::{fmt, ops::Range, str::FromStr};

/// Written `I/N`: of N parts the I-th, from 0. It has the seeds that leave I when divided by N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    part: u64,
    of: u64,
}

impl Default for Partition {
    fn default() -> Self {
        Self { part: 0, of: 1 }
    }
}

impl Partition {
    /// The seeds of a range that belong to it, in order.
    pub fn of(self, seeds: Range<u64>) -> impl Iterator<Item = u64> + Send {
        let behind = (seeds.start % self.of + self.of - self.part) % self.of;
        let first = if behind == 0 { Some(seeds.start) } else { seeds.start.checked_add(self.of - behind) };
        let first = first.unwrap_or(seeds.end);
        (first..seeds.end).step_by(usize::try_from(self.of).unwrap_or(usize::MAX))
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (part, of) = text.split_once('/').ok_or("a partition is written I/N")?;
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
        let (part, of) = (number(part)?, number(of)?);
        if part < of { Ok(Self { part, of }) } else { Err(format!("of {of} parts, none is number {part}: they count from 0")) }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_have_every_seed_once() {
        for seeds in [0..0, 0..1, 5..40, 7..8, u64::MAX - 9..u64::MAX] {
            for of in 1..9 {
                let mut all: Vec<u64> = (0..of).flat_map(|part| Partition { part, of }.of(seeds.clone())).collect();
                all.sort_unstable();
                assert_eq!(all, seeds.clone().collect::<Vec<_>>(), "{seeds:?} in {of} parts");
            }
        }
        assert_eq!(Partition { part: 1, of: 3 }.of(0..9).collect::<Vec<_>>(), [1, 4, 7]);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["3/3", "1", "a/2", "0/0", "-1/2"] {
            assert!(text.parse::<Partition>().is_err(), "{text}");
        }
        assert_eq!("2/3".parse::<Partition>().map(|partition| partition.to_string()), Ok("2/3".to_owned()));
    }
}
