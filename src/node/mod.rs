//! The protocol: `(now, input) -> effects`. No time source, no randomness of its own, no IO, nothing async.

mod event;
mod io;
mod request;
mod settings;
mod status;

pub use event::{Event, WhyNoWrites};
pub use io::{Effect, Input, JournalCommand, JournalEvent, Now};
pub use request::{Answer, Command, KeyAnswer, KeyRequest, Outcome, Reply, Request};
pub use settings::Settings;
pub use status::{Counters, PeerStatus, Status};
