//! I1. For a token `T` that stands for everything a session (or a version) has seen, and every write `w` in that past:
//! `T(actor(w)) >= hlc(w)`. I3. A token's text is at most [`TEXT_CAP`] characters.
//!
//! Source: invariants I1 and I3. The past is the checker's own, [`Past`]: a token is judged, never believed. A token
//! that forgets can go unpunished for long, since the write that it forgot is usually applied in time; this finds it at once.
//!
//! Why no stronger: a write that was sent more than once counts with none of its records, for which of them answered
//! cannot be known. Nothing is said of tokens that stand for too much: folding may raise them.

use std::fmt::Display;

use causeway::clock::{Dot, Hlc, Token, TokenKeys, WIRE_BYTES_CAP};

use super::{Past, Property, Violation};

/// The most characters of a token's text: base64 without padding.
pub const TEXT_CAP: usize = (WIRE_BYTES_CAP * 4).div_ceil(3);

/// Judges the token that a client was given, once its session's past has taken in the answer. Returns it opened.
pub fn check_text(keys: &TokenKeys, text: &str, past: &Past, holder: &dyn Display) -> Result<Token, Violation> {
    if text.len() > TEXT_CAP {
        return Err(Property::TokenIsBounded.violated(format!("the token of {holder} has {} characters", text.len())));
    }
    match keys.open(text) {
        Ok(token) => check(&token, past, holder).map(|()| token),
        Err(error) => Err(Property::AnswersByContract.violated(format!("{holder} was given a token that is none: {error}"))),
    }
}

/// Judges a token against a past.
pub fn check(token: &Token, past: &Past, holder: &dyn Display) -> Result<(), Violation> {
    match past.dots().iter().find(|(actor, hlc)| token.get(*actor) < *hlc) {
        None => Ok(()),
        Some((actor, hlc)) => {
            let stands: Hlc = token.get(actor);
            let evidence = format!("the token of {holder} stands at {stands} for {actor}, and {actor}@{hlc} is in its past");
            Err(Property::TokenCoversPast.violated(evidence).record(Dot { actor, hlc }))
        }
    }
}

#[cfg(test)]
mod tests {
    use causeway::{
        clock::Dot,
        id::{ActorId, Epoch, NodeId},
    };

    use super::*;
    use crate::{
        checker::litmus::{Litmus, blame},
        history::Outcome,
    };

    fn token(entries: &[(u32, u64)]) -> Token {
        let dot = |(actor, hlc): &(u32, u64)| Dot { actor: ActorId(*actor), hlc: Hlc(*hlc) };
        Token::from_parts(Epoch::default(), Hlc::ZERO, entries.iter().map(dot))
    }

    #[test]
    fn an_answer_without_the_new_dot() {
        let mut run = Litmus::new();
        let op = run.begin_put(0, "x");
        run.apply_put(op, 0, 10);
        run.token = token(&[(0, 9)]);
        assert_eq!(blame(run.answer(op, Outcome::Created)), Some(Property::TokenCoversPast));
    }

    #[test]
    fn a_read_s_token_without_the_writer_s_past() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        let effect = run.put(0, "y", 1, 11);
        run.token = token(&[(1, 11)]);
        assert_eq!(blame(run.read(1, "y", Outcome::Found(effect))), Some(Property::TokenCoversPast));
        run.token = token(&[(0, 10), (1, 11)]);
        assert_eq!(blame(run.read(1, "y", Outcome::Found(effect))), None);
    }

    #[test]
    fn absence_shows_a_tombstone_only_where_nothing_else_can_explain_it() {
        for is_destroyed in [false, true] {
            let mut run = Litmus::new();
            let value = run.put(0, "x", 0, 10);
            run.read(1, "x", Outcome::Found(value)).unwrap();
            run.put(2, "y", 2, 11);
            run.delete(2, "x", 1, 12);
            if is_destroyed {
                run.judge.destroy(NodeId(0));
            }
            run.token = token(&[(0, 10)]);
            let expected = (!is_destroyed).then_some(Property::TokenCoversPast);
            assert_eq!(blame(run.read(1, "x", Outcome::Absent)), expected, "destroyed: {is_destroyed}");
        }
    }

    #[test]
    fn a_record_without_its_session_s_past() {
        let mut run = Litmus::new();
        run.put(0, "x", 0, 10);
        let effect = run.begin_put(0, "y");
        run.token = token(&[]);
        assert_eq!(blame(run.try_apply_put(effect, 1, 11)), Some(Property::TokenCoversPast));
    }

    #[test]
    fn a_text_that_is_too_long_or_no_token() {
        let keys = TokenKeys::default();
        let judged = check_text(&keys, &"A".repeat(TEXT_CAP + 1), &Past::default(), &"c0");
        assert_eq!(blame(judged), Some(Property::TokenIsBounded));
        assert_eq!(blame(check_text(&keys, "AAAA", &Past::default(), &"c0")), Some(Property::AnswersByContract));
    }
}
