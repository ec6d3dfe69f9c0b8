//! Tokens: join is the pointwise maximum, folds only raise (I2), and what one covers the other has.

use causeway::{
    clock::{Dot, ENTRY_CAP, Hlc, Token},
    id::{ActorId, Epoch},
};
use proptest::{collection::vec, prelude::*};

use crate::generated::{actors, dot, epoch, hlc, large_token, token};

fn joined(a: &Token, b: &Token) -> Token {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

/// Sorted by actor, no actor twice, nothing at or below the floor.
fn is_normal(token: &Token) -> bool {
    let entries: Vec<Dot> = token.entries().collect();
    entries.windows(2).all(|pair| pair[0].actor < pair[1].actor) && entries.iter().all(|dot| dot.hlc > token.floor())
}

proptest! {
    #[test]
    fn join_is_a_semilattice(a in token(), b in token(), c in token()) {
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&a, &a), a.clone());
        prop_assert_eq!(joined(&a, &Token::default()), a);
    }

    #[test]
    fn join_is_the_pointwise_maximum(a in token(), b in token()) {
        let join = joined(&a, &b);
        prop_assert!(is_normal(&join));
        prop_assert_eq!(join.epoch(), a.epoch().max(b.epoch()));
        for actor in actors(&[&a, &b]) {
            prop_assert_eq!(join.get(actor), a.get(actor).max(b.get(actor)));
        }
    }

    #[test]
    fn covering_is_the_order_of_the_join(a in token(), b in token()) {
        prop_assert!(joined(&a, &b).covers(&a) && joined(&a, &b).covers(&b));
        prop_assert_eq!(a.covers(&b), joined(&a, &b) == a);
    }

    /// I2, and that the fold is no higher than it says.
    #[test]
    fn folds_never_lower_an_actor(token in prop_oneof![token(), large_token()], stable in hlc(), cap in 0..200usize) {
        let mut free = token.clone();
        free.fold(stable);
        let mut hard = token.clone();
        hard.fold_to(cap);
        prop_assert!(is_normal(&free) && is_normal(&hard));
        prop_assert!(free.covers(&token) && hard.covers(&token));
        prop_assert!(free.entries().len() <= ENTRY_CAP && hard.entries().len() <= cap);
        prop_assert!(hard.floor() <= token.max_hlc() && free.floor() <= token.max_hlc().max(stable));
        prop_assert_eq!(free.max_hlc(), token.max_hlc().max(stable));
        prop_assert_eq!(hard.max_hlc(), token.max_hlc());
    }

    #[test]
    fn a_fold_within_the_cap_is_exact(token in token(), stable in hlc()) {
        let mut folded = token.clone();
        folded.fold(stable);
        for actor in actors(&[&token]) {
            prop_assert_eq!(folded.get(actor), token.get(actor).max(stable));
        }
    }

    #[test]
    fn a_token_stands_for_every_write_added(start in token(), writes in vec(dot(), 0..20), stable in hlc()) {
        let mut token = start;
        for write in &writes {
            token.add(*write);
            token.fold(stable);
        }
        prop_assert!(writes.iter().all(|write| token.get(write.actor) >= write.hlc));
        prop_assert!(writes.iter().all(|write| token.max_hlc() >= write.hlc));
    }

    #[test]
    fn a_token_from_parts_is_normal_in_any_order(epoch in epoch(), floor in hlc(), mut dots in vec(dot(), 0..20)) {
        let token = Token::from_parts(epoch, floor, dots.clone());
        dots.reverse();
        prop_assert!(is_normal(&token));
        prop_assert_eq!(Token::from_parts(epoch, floor, dots), token);
    }

    /// What a peer writes is not taken at its word: entries out of order or below the floor are put right.
    #[test]
    fn a_token_read_from_a_peer_is_normal(epoch in epoch(), floor in hlc(), dots in vec(dot(), 0..20)) {
        let pairs: Vec<(ActorId, Hlc)> = dots.iter().map(|dot| (dot.actor, dot.hlc)).collect();
        let bytes = postcard::to_allocvec(&(epoch, floor, pairs)).expect("a token can be written");
        prop_assert_eq!(postcard::from_bytes::<Token>(&bytes), Ok(Token::from_parts(epoch, floor, dots)));
    }
}

#[test]
fn the_hard_fold_drops_the_lowest_and_stands_at_the_largest_of_them() {
    let dots = (1..=200u32).map(|i| Dot { actor: ActorId(i), hlc: Hlc(u64::from(i) * 10) });
    let mut token = Token::from_parts(Epoch::default(), Hlc(5), dots);
    token.fold(Hlc::ZERO);
    assert_eq!((token.entries().len(), token.floor()), (ENTRY_CAP, Hlc(720)));
    assert_eq!((token.get(ActorId(1)), token.get(ActorId(73)), token.get(ActorId(999))), (Hlc(720), Hlc(730), Hlc(720)));
}
