//! The only code that awaits on a node's behalf: the trait to the world, the driver, the journal, the control log. `runtime/tokio` is production.

mod config_log;
pub mod control;
mod driver;
mod env;
mod handle;
pub mod journal;
pub mod tokio;

pub use config_log::{ConfigLog, start_config_log, tell_members};
pub use driver::{Changes, Proposal, StartPlan, Started, start};
pub use env::{Disk, DiskFile, Env, Incoming, Sent};
pub use handle::{BackupCall, Call, Handle};
