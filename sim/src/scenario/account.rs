//! The account of a scenario: its own lines, and under each, indented, what happened. Without the indented lines it is the scenario.

use std::fmt;

use super::phrase::Happening;

/// What begins a line that tells what happened.
const INDENT: &str = "  ";

/// A story that was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Why it is told, line by line.
    pub why: Vec<String>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// One command, and what happened until the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the story says before it.
    pub remarks: Vec<String>,
    /// The command as it was written.
    pub command: String,
    /// What happened, in an order that does not depend on what came first.
    pub happenings: Vec<Happening>,
}

impl Account {
    /// Reads what [`Display`](fmt::Display) wrote. `None` when a line is no part of an account.
    pub fn read(text: &str) -> Option<Self> {
        let mut account = Self::default();
        let mut remarks = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next_if(|line| line.starts_with('#')) {
            account.why.push(comment(line));
        }
        for line in lines.filter(|line| !line.is_empty()) {
            if line.starts_with('#') {
                remarks.push(comment(line));
            } else if let Some(line) = line.strip_prefix(INDENT) {
                account.steps.last_mut()?.happenings.push(Happening::read(line)?);
            } else {
                let remarks = std::mem::take(&mut remarks);
                account.steps.push(Step { remarks, command: line.to_owned(), happenings: Vec::new() });
            }
        }
        (!account.why.is_empty() && !account.steps.is_empty() && remarks.is_empty()).then_some(account)
    }

    /// The text of the scenario that it is the account of.
    pub fn scenario(&self) -> String {
        let steps = self.steps.iter().map(|step| Step { happenings: Vec::new(), ..step.clone() });
        Self { why: self.why.clone(), steps: steps.collect() }.to_string()
    }
}

fn comment(line: &str) -> String {
    line.trim_start_matches('#').trim().to_owned()
}

fn write_comment(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "{}", format!("# {text}").trim_end())
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.iter().try_for_each(|line| write_comment(f, line))?;
        writeln!(f)?;
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.remarks.is_empty() {
            writeln!(f)?;
        }
        self.remarks.iter().try_for_each(|line| write_comment(f, line))?;
        writeln!(f, "{}", self.command)?;
        self.happenings.iter().try_for_each(|happening| writeln!(f, "{INDENT}{happening}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Why it is told,
#
# at some length.

cluster nodes=2
alice put x 1 at n0
  n0: answered alice 201 created
  n0 n1: applied x=1

# Then.
wait 1s
";

    #[test]
    fn an_account_is_read_as_it_was_written() {
        let account = Account::read(TEXT).expect("an account");
        assert_eq!(account.to_string(), TEXT);
        assert_eq!(account.steps[1].happenings.len(), 2);
        assert_eq!(
            account.scenario(),
            TEXT.lines().filter(|line| !line.starts_with(' ')).fold(String::new(), |all, line| all + line + "\n")
        );
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["", "n0: x", "# why\n", "# why\n\n  n0: applied x=1\n", "# why\n\nwait 1s\n  nothing of ours\n"] {
            assert_eq!(Account::read(text), None, "{text}");
        }
    }
}
