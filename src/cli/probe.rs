//! `causeway healthcheck`: asks the node of this machine whether it is ready, for containers without a shell.

use std::{net::Ipv4Addr, time::Duration};

use hyper::Method;

use super::{
    CliError,
    plan::{PlanError, client_listen},
    sources::Sources,
};
use crate::{
    http::{Client, Outgoing},
    placement::split_address,
};

/// Shorter than any orchestrator's own patience.
const DEADLINE: Duration = Duration::from_secs(2);

/// Asks `/readyz` where the node with these settings listens.
pub(super) async fn healthcheck(sources: &Sources) -> Result<u8, CliError> {
    let settings = sources.load()?.settings;
    let socket_address = settings.socket_address.as_deref().ok_or(PlanError::NoSocketAddress)?;
    let address = reachable(&client_listen(&settings, socket_address)?);
    let (status, body) = Client::new(address).send(Outgoing::new(Method::GET, "/readyz"), DEADLINE).await?;
    if status == 200 { Ok(0) } else { Err(CliError::NotReady(body["error"].as_str().unwrap_or_default().to_owned())) }
}

/// Who listens everywhere is reached at home.
fn reachable(listen: &str) -> String {
    match split_address(listen) {
        Ok(("0.0.0.0" | "[::]", port)) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        _ => listen.to_owned(),
    }
}
