//! The router against a scripted node: every row of the course dialect, every error, and what an operator reads.

mod client;
mod connections;
mod errors;
mod fake;
mod fuzz;
mod headers;
mod health;
mod keys;
mod shards;
mod view;
