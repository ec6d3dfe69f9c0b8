//! Tokens, the hybrid clock, and the hash of a key.

use causeway::{
    clock::{Hlc, HybridClock, Token, TokenKeys},
    placement::slot_of,
};
use divan::{Bencher, black_box};

use crate::values::{WALL_MS, keys, token};

/// None: everything is stable. Three: a shard's replicas wrote just now. 128: the most that a token keeps.
const ENTRIES: [u32; 3] = [0, 3, 128];

#[divan::bench(args = ENTRIES)]
fn token_join(bencher: Bencher, entries: u32) {
    let (mine, theirs) = (token(entries), token(entries + 1));
    bencher.with_inputs(|| mine.clone()).bench_local_refs(|mine| mine.join(black_box(&theirs)));
}

#[divan::bench(args = ENTRIES)]
fn token_free_fold(bencher: Bencher, entries: u32) {
    let token = token(entries);
    bencher.with_inputs(|| token.clone()).bench_local_refs(|token| token.fold(Hlc::from_millis(WALL_MS + 500)));
}

#[divan::bench(args = ENTRIES)]
fn token_encode(bencher: Bencher, entries: u32) {
    let (keys, token) = (TokenKeys::default(), token(entries));
    bencher.bench_local(|| keys.seal(black_box(&token)));
}

#[divan::bench(args = ENTRIES)]
fn token_decode(bencher: Bencher, entries: u32) {
    let keys = TokenKeys::default();
    let text = keys.seal(&token(entries));
    bencher.bench_local(|| keys.open(black_box(&text)));
}

#[divan::bench]
fn hlc_tick(bencher: Bencher) {
    let mut clock = HybridClock::default();
    let floor = Token::default().max_hlc();
    bencher.bench_local(|| clock.tick(black_box(WALL_MS), black_box(floor)));
}

#[divan::bench]
fn slot_of_a_key(bencher: Bencher) {
    let keys = keys();
    let mut next = keys.iter().cycle();
    bencher.bench_local(|| next.next().map(|key| slot_of(black_box(key))));
}
