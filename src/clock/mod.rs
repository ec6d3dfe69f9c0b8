//! Logical time: the dot that names a write, version vectors, the hybrid logical clock, and the causal token that clients carry.
//!
//! Values and laws only: nothing here reads a clock.

mod dot;
mod hlc;
mod token;
mod token_wire;
mod vector;

pub use dot::Dot;
pub use hlc::{Hlc, HybridClock};
pub use token::{ENTRY_CAP, Token};
pub use token_wire::{TokenError, TokenKey, TokenKeys, WIRE_BYTES_CAP};
pub use vector::VersionVector;
