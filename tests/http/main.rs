//! The API against a scripted node: every row of the course dialect, every error, and what an operator reads.
#![expect(clippy::disallowed_methods, reason = "sockets, tasks and timers of the real world are what is tested")]

mod client;
mod connections;
mod errors;
mod fake;
mod fuzz;
mod guard;
mod headers;
mod health;
mod keys;
mod logs;
mod operators;
mod secure;
mod shards;
mod view;
mod waiting;
