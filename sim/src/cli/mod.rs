//! The commands of `causeway-sim`, one a file.

pub mod scenario;
