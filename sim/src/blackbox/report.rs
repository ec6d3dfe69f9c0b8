//! What is said of a history: how large it is, whether it is causally convergent, and if not, why, in as few operations as can be.

use std::fmt;

use super::{Counterexample, History, Malformed, Shrunk, Verdict, check, explain, shrink};

/// The judgement, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Operations, without those that failed.
    pub operations: usize,
    /// Transactions.
    pub transactions: usize,
    /// Sessions.
    pub sessions: usize,
    /// Keys.
    pub keys: usize,
    /// The judgement.
    pub conclusion: Conclusion,
}

/// The judgement alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Causally convergent.
    Consistent,
    /// Too many reads found nothing where too many deletes can be why.
    Undecided,
    /// Not causally convergent.
    Violated {
        /// What was found, as it stands in the history.
        found: Box<Counterexample>,
        /// The smallest history that is wrong in the same way, and why it is.
        shrunk: Box<Shrunk>,
    },
}

/// Judges a history and makes what is wrong with it small.
///
/// # Errors
/// As [`check`].
pub fn judge(history: &History) -> Result<Report, Malformed> {
    let conclusion = match check(history)? {
        Verdict::Consistent => Conclusion::Consistent,
        Verdict::Undecided => Conclusion::Undecided,
        Verdict::Violated(evidence) => {
            let found = evidence.first().map(|first| explain(history, first)).transpose()?;
            let shrunk = shrink(history, &evidence)?;
            let (Some(found), Some(shrunk)) = (found, shrunk) else { unreachable!("a violation has evidence") };
            Conclusion::Violated { found: Box::new(found.counterexample), shrunk: Box::new(shrunk) }
        }
    };
    let (operations, transactions) = (history.operations(), history.transactions());
    Ok(Report { operations, transactions, sessions: history.sessions(), keys: history.keys(), conclusion })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, transactions, sessions, keys, conclusion } = self;
        writeln!(f, "{operations} operations in {transactions} transactions of {sessions} sessions on {keys} keys")?;
        match conclusion {
            Conclusion::Consistent => f.write_str("consistent: one order of writes explains every read"),
            Conclusion::Undecided => f.write_str("undecided: too many reads found nothing where several deletes can be why"),
            Conclusion::Violated { found, shrunk } => {
                writeln!(f, "violated: {}", shrunk.counterexample.anomaly)?;
                if let Some(read) = found.read {
                    writeln!(f, "found at {read}")?;
                }
                writeln!(f, "\nThe smallest history that is wrong in the same way, {} operations:", shrunk.ops.len())?;
                shrunk.ops.iter().try_for_each(|op| writeln!(f, "{op}"))?;
                write!(f, "\nWhy:\n{}", shrunk.counterexample)
            }
        }
    }
}
