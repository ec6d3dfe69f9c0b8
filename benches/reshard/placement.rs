//! How much a reshard moves: the plan alone.

use causeway::placement::Owners;

use crate::moved::{KEYS, Keys, Moved, random_counts};

/// Prints every step by one, and what is left after many at random.
pub fn print() {
    let keys = Keys::numbered();
    println!("slots moved (the least possible), and keys moved for each of the least possible of {KEYS}");
    println!("{:>10} {:>24} {:>24}", "shards", "one more", "one less");
    for shards in 1..=16 {
        let one_less = if shards > 1 { step(shards, shards - 1, &keys) } else { String::new() };
        println!("{shards:>10} {:>24} {one_less:>24}", step(shards, shards + 1, &keys));
    }
    print_many(&keys);
}

fn step(before: u16, after: u16, keys: &Keys) -> String {
    let moved = Moved::by_reshard(&mut Owners::found(before), before, after, keys);
    format!("{} ({}) {:.3}", moved.slots, moved.least_slots, moved.keys_ratio())
}

fn print_many(keys: &Keys) {
    let (mut owners, mut before) = (Owners::found(2), 2);
    let (mut slots, mut least_slots, mut most_keys, mut unevenness) = (0, 0, 0f64, 0f64);
    for after in random_counts().take(100) {
        let moved = Moved::by_reshard(&mut owners, before, after, keys);
        (slots, least_slots, most_keys) =
            (slots + moved.slots, least_slots + moved.least_slots, most_keys.max(moved.keys_ratio()));
        let mean = KEYS as f64 / f64::from(after);
        let off = |count: usize| (count as f64 / mean - 1.0).abs();
        unevenness = keys.of_shards(&owners, after).into_iter().map(off).fold(unevenness, f64::max);
        before = after;
    }
    println!(
        "100 reshards in a row: {slots} slots moved ({least_slots}), at most {most_keys:.3} times the least number of keys; \
         no shard was ever further than {:.1} % from its part of the keys",
        unevenness * 100.0
    );
}
