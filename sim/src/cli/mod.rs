//! The subcommands of `causeway-sim`, one a file.

pub mod check;
pub mod checkers_bench;
