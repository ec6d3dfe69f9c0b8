//! Values that the laws are tried on. Few actors and close times, so that they meet; now and then extremes.

use causeway::{
    clock::{Dot, Hlc, Token, VersionVector},
    id::{ActorId, Epoch},
};
use proptest::{collection::vec, prelude::*};

pub fn hlc() -> impl Strategy<Value = Hlc> {
    prop_oneof![8 => 0..40u64, 1 => any::<u64>(), 1 => Just(u64::MAX)].prop_map(Hlc)
}

pub fn dot() -> impl Strategy<Value = Dot> {
    let actor = prop_oneof![8 => 0..6u32, 1 => any::<u32>()].prop_map(ActorId);
    (actor, hlc()).prop_map(|(actor, hlc)| Dot { actor, hlc })
}

pub fn epoch() -> impl Strategy<Value = Epoch> {
    (0..2u32, 0..3u32).prop_map(|(generation, number)| Epoch { generation, number })
}

pub fn token() -> impl Strategy<Value = Token> {
    (epoch(), hlc(), vec(dot(), 0..12)).prop_map(|(epoch, floor, dots)| Token::from_parts(epoch, floor, dots))
}

/// One that is far over every cap.
pub fn large_token() -> impl Strategy<Value = Token> {
    let dots = vec((any::<u32>(), any::<u64>()), 0..600);
    (epoch(), 0..1_000u64, dots).prop_map(|(epoch, floor, dots)| {
        let dots = dots.into_iter().map(|(actor, hlc)| Dot { actor: ActorId(actor), hlc: Hlc(hlc) });
        Token::from_parts(epoch, Hlc(floor), dots)
    })
}

pub fn vector() -> impl Strategy<Value = VersionVector> {
    vec(dot(), 0..8).prop_map(|dots| dots.into_iter().map(|dot| (dot.actor, dot.hlc)).collect())
}

/// Every actor that either names, and one that none does.
pub fn actors(tokens: &[&Token]) -> Vec<ActorId> {
    let named = tokens.iter().flat_map(|token| token.entries()).map(|dot| dot.actor);
    let mut actors: Vec<ActorId> = named.chain([ActorId(7)]).collect();
    actors.sort();
    actors.dedup();
    actors
}
