//! Which shard holds which slots, which actors hold which shard, and how that changes.
//!
//! Values only: a [`Config`] becomes the next one by a [`Change`], [`next()`] says which change is due, and `rebalance` where everything
//! should be in the end.

mod address;
mod change;
mod config;
mod hash;
mod migration;
mod next;
mod owners;
mod rebalance;
mod refused;
mod slots;
mod stage;
mod taking;

pub use address::{AddressError, split_address};
pub use change::{Change, Departure, SHARDS_CAP};
pub use config::{Actor, Config, Founding, FoundingError, Member, Standing};
pub use hash::{SLOTS, slot_of};
pub use migration::{Migration, Move};
pub use next::{Progress, next};
pub use owners::Owners;
pub use rebalance::{moves, seats, shares};
pub use refused::Refused;
pub use slots::SlotSet;
pub use stage::Stage;
pub use taking::{Taken, Taking};
