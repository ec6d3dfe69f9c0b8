//! Which shard holds which slots, and which actors hold which shard.

mod address;
mod config;
mod hash;

pub use address::{AddressError, split_address};
pub use config::{Config, Founding, FoundingError, Member};
pub use hash::{SLOTS, slot_of};
