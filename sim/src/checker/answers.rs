//! Each answer is one that the contract allows: a known status for the request, with the body that goes with it; never a 500; a
//! forged or damaged token is a 400, whatever else is wrong.
//!
//! Source: contract, the table of keys and 'Errors everywhere else'.
//!
//! Why no stronger: only the requests that the workload makes are judged here. The table itself is tested in `tests/`.

use super::{Property, Violation};
use crate::history::{Kind, Outcome};

/// An answer as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `result` of the body, or its `error`.
    pub text: String,
    /// The operation that wrote the value in the body.
    pub found: Option<crate::history::OpId>,
    /// `causal-metadata` of the body.
    pub token: Option<String>,
}

/// What an answer says about the operation.
///
/// # Errors
/// The contract has no such answer.
pub fn outcome_of(kind: Kind, answer: &Answer) -> Result<Outcome, Violation> {
    let outcome = match (kind, answer.status, answer.text.as_str()) {
        (Kind::Get, 200, "found") => answer.found.map(Outcome::Found),
        (Kind::Get | Kind::Delete, 404, "Key does not exist") => Some(Outcome::Absent),
        (Kind::Put, 201, "created") => Some(Outcome::Created),
        (Kind::Put, 200, "replaced") | (Kind::Delete, 200, "deleted") => Some(Outcome::Overwrote),
        (_, 503, _) => Some(Outcome::NotApplied),
        (Kind::Put | Kind::Delete, 507, _) => Some(Outcome::NotApplied),
        (_, 504, "Outcome unknown") => Some(Outcome::Unknown),
        _ => None,
    };
    let told_token = answer.token.is_some();
    let owes_token = outcome.is_some_and(|outcome| !matches!(outcome, Outcome::NotApplied | Outcome::Unknown));
    match outcome {
        Some(outcome) if told_token || !owes_token => Ok(outcome),
        _ => {
            let token = if told_token { "with" } else { "without" };
            let evidence = format!("{kind} was answered {} '{}' {token} a token", answer.status, answer.text);
            Err(Property::AnswersByContract.violated(evidence))
        }
    }
}

/// Whether a write was refused since its shard has too few members for its concern: a shard may shrink.
pub fn is_too_large_a_concern(kind: Kind, answer: &Answer) -> bool {
    matches!(kind, Kind::Put | Kind::Delete) && answer.status == 400 && answer.text.starts_with("Write-Concern is above")
}

/// Judges the answer to a request with a forged token.
pub fn check_forged(answer: &Answer) -> Result<(), Violation> {
    if answer.status == 400 {
        return Ok(());
    }
    let evidence = format!("a forged token was answered {} '{}'", answer.status, answer.text);
    Err(Property::AnswersByContract.violated(evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::litmus::blame;

    fn answer(status: u16, text: &str) -> Answer {
        Answer { status, text: text.to_owned(), found: None, token: Some("t".to_owned()) }
    }

    #[test]
    fn what_the_contract_does_not_have() {
        for (kind, status, text) in [
            (Kind::Get, 500, "internal"),
            (Kind::Get, 200, "found"),
            (Kind::Get, 507, "full"),
            (Kind::Put, 404, "Key does not exist"),
            (Kind::Delete, 201, "created"),
        ] {
            assert_eq!(blame(outcome_of(kind, &answer(status, text))), Some(Property::AnswersByContract), "{kind} {status}");
        }
        let no_token = Answer { token: None, ..answer(201, "created") };
        assert_eq!(blame(outcome_of(Kind::Put, &no_token)), Some(Property::AnswersByContract));
    }

    #[test]
    fn no_answer_but_a_refusal_that_never_happens_is_read_as_not_applied() {
        assert_eq!(outcome_of(Kind::Put, &answer(503, "Cannot forward request")), Ok(Outcome::NotApplied));
        assert_eq!(outcome_of(Kind::Put, &answer(504, "Outcome unknown")), Ok(Outcome::Unknown));
    }

    #[test]
    fn a_forged_token_that_is_taken() {
        assert_eq!(blame(check_forged(&answer(200, "found"))), Some(Property::AnswersByContract));
        assert_eq!(blame(check_forged(&answer(503, "Cannot forward request"))), Some(Property::AnswersByContract));
        assert_eq!(blame(check_forged(&answer(400, "causal metadata"))), None);
    }
}
