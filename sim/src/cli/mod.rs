//! The commands of `causeway-sim`, one a file.

pub mod review;
pub mod scenario;
