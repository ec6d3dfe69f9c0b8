//! Tokens and keys that the benchmarks share.

use causeway::{
    clock::{Dot, Hlc, Token},
    id::{ActorId, Epoch},
};

/// A wall clock of some day.
pub const WALL_MS: u64 = 1_700_000_000_000;

/// A token with this many entries within a second above its floor.
pub fn token(entries: u32) -> Token {
    let hlc = |i: u32| Hlc::from_millis(WALL_MS + u64::from(i * 7 % 1_000) + 1);
    let dots = (0..entries).map(|i| Dot { actor: ActorId(i * 3), hlc: hlc(i) });
    Token::from_parts(Epoch { generation: 0, number: 1 }, Hlc::from_millis(WALL_MS), dots)
}

/// The keys that are put and got.
pub fn keys() -> Vec<String> {
    (0..10_000).map(|i| format!("key-{i}")).collect()
}
