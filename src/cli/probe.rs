//! `causeway healthcheck`: asks the node of this machine whether it is ready, for containers without a shell.

use std::{net::Ipv4Addr, time::Duration};

use hyper::Method;

use super::{
    CliError,
    access::AccessError,
    plan::{PlanError, client_listen},
    settings::Settings,
    sources::Sources,
};
use crate::{
    http::{Access, Client, Outgoing},
    placement::split_address,
    tls::{Roots, host_of},
};

/// Shorter than any orchestrator's own patience.
const DEADLINE: Duration = Duration::from_secs(2);

/// Asks `/readyz` where the node with these settings listens.
pub(super) async fn healthcheck(sources: &Sources) -> Result<u8, CliError> {
    let settings = sources.load()?.settings;
    let socket_address = settings.socket_address.as_deref().ok_or(PlanError::NoSocketAddress)?;
    let address = reachable(&client_listen(&settings, socket_address)?);
    let mut client = Client::entering(address, access(&settings, socket_address)?);
    let (status, body) = client.send(Outgoing::new(Method::GET, "/readyz"), DEADLINE).await?;
    if status == 200 { Ok(0) } else { Err(CliError::NotReady(body["error"].as_str().unwrap_or_default().to_owned())) }
}

/// A secure node is believed by its authority alone; health needs no token.
fn access(settings: &Settings, socket_address: &str) -> Result<Access, CliError> {
    let Some(authority) = &settings.tls_ca_file else { return Ok(Access::default()) };
    let roots = Roots::load(authority).map_err(AccessError::from)?;
    let access = Access::within_tls(roots.client().map_err(AccessError::from)?);
    // It may be asked at another address than the one that its certificate names.
    Ok(host_of(socket_address).map_or(access.clone(), |host| access.named(host)))
}

/// Who listens everywhere is reached at home.
fn reachable(listen: &str) -> String {
    match split_address(listen) {
        Ok(("0.0.0.0" | "[::]", port)) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        _ => listen.to_owned(),
    }
}
