//! The versions of a replica's keys, by slot.

/// stub
pub struct Table;
/// stub
pub struct Applied;
