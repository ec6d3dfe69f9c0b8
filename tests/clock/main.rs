//! The laws of logical time, tried on generated values: the clock never gives out a time twice, vectors and tokens are lattices,
//! folds only raise, and only what a cluster sealed opens again.

mod generated;
mod hlc;
mod token;
mod vector;
mod wire;
