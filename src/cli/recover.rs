//! `causeway force-recover`: has one node go on with the config log without the others.

use std::time::Duration;

use hyper::Method;

use super::{
    CliError,
    client::{EXIT_FAILED, NodeArgs},
    say,
};
use crate::http::Outgoing;

/// `causeway force-recover`.
#[derive(Debug, clap::Args)]
pub struct RecoverArgs {
    #[command(flatten)]
    node: NodeArgs,
}

impl RecoverArgs {
    /// Prints the epoch that the node goes on with.
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let deadline = Duration::from_millis(self.node.deadline_ms);
        let request = Outgoing::new(Method::PUT, "/admin/force-recover");
        let (status, answer) = self.node.client()?.send(request, deadline).await?;
        if status == 200 {
            return say(&format!("goes on with epoch {}\n", answer["epoch"].as_str().unwrap_or_default())).map(|()| 0);
        }
        eprintln!("{status}: {}", answer["error"].as_str().unwrap_or("no reason given"));
        Ok(EXIT_FAILED)
    }
}
