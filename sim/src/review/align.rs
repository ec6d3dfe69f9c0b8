//! Two texts line by line beside each other, so that what both have stands in one row.

/// Above so many pairs of lines, lines are paired by number: nobody reads a page that long.
const PAIRS: usize = 4_000_000;

/// A line of the old text, of the new one, or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub old: Option<&'a str>,
    pub new: Option<&'a str>,
}

impl Row<'_> {
    pub fn is_shared(&self) -> bool {
        self.old == self.new
    }
}

/// The rows: as many as possible are shared.
pub(super) fn align<'a>(old: &'a str, new: &'a str) -> Vec<Row<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let first = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[first..], &new[first..]);
    let mut rows: Vec<Row<'a>> = old[..first].iter().map(|line| Row { old: Some(*line), new: Some(*line) }).collect();
    let (mut from_old, mut from_new) = (0, 0);
    for (in_old, in_new) in shared(old_rest, new_rest) {
        pair(&mut rows, &old_rest[from_old..in_old], &new_rest[from_new..in_new]);
        rows.push(Row { old: Some(old_rest[in_old]), new: Some(new_rest[in_new]) });
        (from_old, from_new) = (in_old + 1, in_new + 1);
    }
    pair(&mut rows, &old_rest[from_old..], &new_rest[from_new..]);
    rows
}

/// Lines that were replaced by others.
fn pair<'a>(rows: &mut Vec<Row<'a>>, old: &[&'a str], new: &[&'a str]) {
    let count = old.len().max(new.len());
    rows.extend((0..count).map(|place| Row { old: old.get(place).copied(), new: new.get(place).copied() }));
}

/// A longest common subsequence, as places in both.
fn shared(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    if old.len() * width > PAIRS {
        return Vec::new();
    }
    // How many lines can be shared from these places on.
    let mut counts = vec![0_u32; (old.len() + 1) * width];
    for in_old in (0..old.len()).rev() {
        for in_new in (0..new.len()).rev() {
            let at = in_old * width + in_new;
            let skipped = counts[at + 1].max(counts[at + width]);
            counts[at] = if old[in_old] == new[in_new] { counts[at + width + 1] + 1 } else { skipped };
        }
    }
    let (mut in_old, mut in_new, mut found) = (0, 0, Vec::new());
    while in_old < old.len() && in_new < new.len() {
        let at = in_old * width + in_new;
        if old[in_old] == new[in_new] {
            found.push((in_old, in_new));
            (in_old, in_new) = (in_old + 1, in_new + 1);
        } else if counts[at + width] >= counts[at + 1] {
            in_old += 1;
        } else {
            in_new += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(old: &str, new: &str) -> String {
        let text = |line: Option<&str>| line.unwrap_or("-").to_owned();
        align(old, new).iter().map(|row| text(row.old) + &text(row.new)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_both_have_stands_in_one_row() {
        assert_eq!(rows("a\nb\nc", "a\nb\nc"), "aa bb cc");
        assert_eq!(rows("a\nc\nd", "a\nb\nc\nd"), "aa -b cc dd");
        assert_eq!(rows("a\nb\nc", "a\nc"), "aa b- cc");
        assert_eq!(rows("a\nb\nc", "a\nx\ny\nc"), "aa bx -y cc");
        assert_eq!(rows("", "a"), "-a");
        assert_eq!(rows("", ""), "");
    }

    #[test]
    fn texts_that_are_too_long_are_paired_by_number() {
        let long = "x\n".repeat(2_500);
        assert_eq!(align(&format!("a\n{long}"), &format!("b\n{long}")).len(), 2_501);
    }
}
