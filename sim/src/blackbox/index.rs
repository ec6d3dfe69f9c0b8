//! Numbers for names: open addressing with a fixed hash, so that the same input takes the same steps in every process.

const EMPTY: u64 = u64::MAX;
/// Names below this are found in a plain array.
const SMALL: u64 = 1 << 20;

/// Mixes two words into one.
pub fn mix(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Finds items by the hash of what identifies them. What identifies an item is kept by the caller.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The upper half of the hash, and the item; at most half of the slots are taken.
    slots: Vec<u64>,
    taken: usize,
}

impl Table {
    /// Room for that many items.
    pub fn with_capacity(items: usize) -> Self {
        let slots = (items * 2).next_power_of_two().max(16);
        Self { slots: vec![EMPTY; slots], taken: 0 }
    }

    /// The item with this hash that the caller recognises.
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            if slot >> 32 == hash >> 32 && is_it(slot as u32) {
                return Some(slot as u32);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an item. `hash_of` is asked for the hashes of all when the table grows.
    pub fn insert(&mut self, hash: u64, item: u32, hash_of: impl Fn(u32) -> u64) {
        if self.taken * 2 >= self.slots.len() {
            let mut larger = Self::with_capacity((self.taken * 2).max(8));
            for slot in self.slots.iter().filter(|slot| **slot != EMPTY) {
                larger.put(hash_of(*slot as u32), *slot as u32);
            }
            *self = larger;
        }
        self.put(hash, item);
    }

    fn put(&mut self, hash: u64, item: u32) {
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash >> 32 << 32) | u64::from(item);
        self.taken += 1;
    }
}

/// Where to look first. Not the bits that the slot keeps, so that neighbours differ in those.
fn place(hash: u64) -> usize {
    hash as usize
}

/// Names, numbered from 0 in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: Vec<u64>,
    small: Vec<u32>,
    large: Table,
}

impl Names {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The name with this number.
    pub fn name(&self, number: u32) -> u64 {
        self.names[number as usize]
    }

    /// The number of a name, a new one if it is new.
    pub fn number(&mut self, name: u64) -> u32 {
        let new = self.names.len() as u32;
        if name < SMALL {
            let at = name as usize;
            if at >= self.small.len() {
                self.small.resize(at + 1, u32::MAX);
            }
            if self.small[at] != u32::MAX {
                return self.small[at];
            }
            self.small[at] = new;
        } else {
            let names = &self.names;
            let hash_of = |number: u32| mix(names[number as usize], 0);
            if let Some(number) = self.large.find(mix(name, 0), |number| names[number as usize] == name) {
                return number;
            }
            self.large.insert(mix(name, 0), new, hash_of);
        }
        self.names.push(name);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers_small_large_and_many() {
        let mut names = Names::default();
        let many: Vec<u64> = (0..5_000).map(|i| if i % 2 == 0 { i } else { u64::MAX - i * i }).collect();
        let numbers: Vec<u32> = many.iter().map(|name| names.number(*name)).collect();
        assert_eq!(numbers, (0..5_000).collect::<Vec<u32>>());
        for (name, number) in many.iter().zip(numbers) {
            assert_eq!((names.number(*name), names.name(number)), (number, *name));
        }
    }
}
