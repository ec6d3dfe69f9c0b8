//! What nodes say to each other and keep on disk, byte for byte as earlier commits wrote it.
//!
//! `golden` has a folder for each kept commit, made by that commit's own code (see its `README.md`). The same values are built here, so
//! that a test can say both: today's code reads the old bytes as exactly what was written, and writes the same bytes, so that the old
//! code understands them too. What members of the config log say is private to its room, and is looked at in
//! `src/runtime/control/goldens.rs`.

mod config;
mod files;
mod frames;
mod golden;
mod greetings;
mod newer;
mod recovery;
mod replies;
mod values;
