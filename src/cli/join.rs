//! A node that is new to a cluster: it asks the others of its `VIEW` who belongs to it, has itself added to the view where it does not,
//! and learns the config. Until then it answers clients that it is starting.

use std::{sync::Arc, time::Duration};

use hyper::Method;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, time::sleep};

use super::{
    CliError,
    place::{Founding, Place},
    plan::Plan,
};
use crate::{
    http::{Access, Api, Client, Door, HttpMetrics, Outgoing, Server},
    placement::Config,
    runtime::tokio::{Called, Introduction, peer_address, who_belongs},
};

/// How long a member may take to say who belongs to the cluster.
const ANSWER: Duration = Duration::from_millis(1_000);
/// How long a change of the view may take: it needs a majority of the config log.
const CHANGE: Duration = Duration::from_millis(5_000);
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until some member says as what this node belongs to the cluster.
pub(super) async fn join(plan: &Plan, clients: TcpListener) -> Result<(Place, TcpListener), CliError> {
    tracing::info!(view = %plan.view.join(","), "waiting to be told which cluster this is");
    let clients = clients.into_std()?;
    let stopping = watch::Sender::new(false);
    let api = match &plan.security {
        Some(security) => Api::guarded_waiting(&plan.address, security.guard(Door::Clients)),
        None => Api::waiting(&plan.address),
    };
    let tls = plan.security.as_ref().map(|security| security.clients.clone());
    let server = Server { api, settings: plan.accept, metrics: Arc::new(HttpMetrics::default()), tls };
    let waiting = tokio::spawn(server.run(TcpListener::from_std(clients.try_clone()?)?, stopping.subscribe()));
    let place = ask_around(plan).await;
    stopping.send_replace(true);
    waiting.await.map_err(std::io::Error::from)?;
    Ok((place, TcpListener::from_std(clients)?))
}

async fn ask_around(plan: &Plan) -> Place {
    loop {
        for other in plan.view.iter().filter(|address| **address != plan.address) {
            if let Some(place) = ask(plan, other).await {
                return place;
            }
        }
        sleep(PAUSE).await;
    }
}

async fn ask(plan: &Plan, other: &str) -> Option<Place> {
    let given = plan.peer_addresses.get(other).cloned();
    let listens = given.or_else(|| peer_address(other).ok())?;
    let called = Called { address: other, listens: &listens, tls: plan.security.as_ref().map(|security| &security.peers) };
    match who_belongs(&called, &plan.address, ANSWER).await {
        Ok(Introduction::Belongs(config)) => Place::in_config(plan, config, Founding::Never),
        Ok(Introduction::Stranger) => {
            add_to_view(other, &plan.address, &access(plan)).await;
            None
        }
        Err(error) => {
            tracing::debug!(%other, %error, "no word of a cluster");
            None
        }
    }
}

/// Has a node that was taken out of the view, and runs again, added to it: by whoever of the others takes the request.
pub(super) async fn return_to_view(config: Arc<Config>, address: String, access: Access) {
    loop {
        for member in config.members().iter().filter(|member| !member.removed && member.address != address) {
            if add_to_view(&member.address, &address, &access).await {
                return;
            }
        }
        sleep(PAUSE).await;
    }
}

/// How a node asks other nodes over HTTP: where they let nobody in without a token, its certificate is what lets it in.
pub(super) fn access(plan: &Plan) -> Access {
    plan.security.as_ref().map(|security| security.access.clone()).unwrap_or_default()
}

/// Asks a member to add a node to the view, and says whether it is there.
async fn add_to_view(member: &str, address: &str, access: &Access) -> bool {
    let put = Outgoing::new(Method::PUT, "/view").json(&json!({ "socket-address": address }));
    match Client::entering(member, access.clone()).send(put, CHANGE).await {
        Ok((200 | 201, _)) => true,
        Ok((status, answer)) => {
            tracing::warn!(%member, status, %answer, "not added to the view");
            false
        }
        Err(error) => {
            tracing::debug!(%member, %error, "not added to the view");
            false
        }
    }
}
