//! Who may do what: the token of each request, its role, and what the route asks for.
//!
//! | a request | needs |
//! | --- | --- |
//! | for health | nothing |
//! | that only looks: keys, view, shards, metrics, status | `read` |
//! | that writes a key | `write` |
//! | that changes the cluster, or shows what was set aside | `admin`, on the admin listener |
//! | for a backup | `admin` |
//!
//! Each role may do what those before it may. A node may add itself to the view without a token, on any listener, by the
//! certificate that it shows there. Only the first node asks: what it passes on goes over the links between nodes, which have
//! proven themselves.

mod route;
mod tokens;

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use rustls::pki_types::CertificateDer;

pub use self::tokens::{ClientTokens, Role};
use self::{
    route::{is_taken_at_any_door, need},
    tokens::BEARER,
};
use super::{Route, error::HttpError};
use crate::tls::names;

/// Which listener a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The one for clients: nobody changes the cluster through it.
    Clients,
    /// The one for operators.
    Admin,
}

/// What is asked of whoever comes in by one listener.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Whose requests are taken.
    pub tokens: Arc<ClientTokens>,
    /// Which listener it is.
    pub door: Door,
}

/// A certificate of the cluster's authority that a client has shown; goes with each request of its connection.
#[derive(Debug, Clone)]
pub(super) struct Shown(pub Arc<CertificateDer<'static>>);

/// Goes with a request that has no other right than to speak about the node that sent it.
#[derive(Debug, Clone)]
pub(super) struct OnlyItself(Shown);

impl OnlyItself {
    /// Whether the request came from the node with this address.
    pub(super) fn is(&self, address: &str) -> bool {
        names(&self.0.0, address).is_ok()
    }
}

/// Lets a request through, or says why not.
pub(super) async fn enforce(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let route = Route::matched(request.extensions().get().map(MatchedPath::as_str));
    let shown = request.extensions_mut().remove::<Shown>();
    match guard.judge(route, request.method(), request.headers()) {
        Ok(()) => {}
        Err(refused) => match shown.filter(|_| route == Route::View && request.method() == Method::PUT) {
            Some(shown) => drop(request.extensions_mut().insert(OnlyItself(shown))),
            None => return refused.into_response(),
        },
    }
    next.run(request).await
}

impl Guard {
    /// Whether a request may be answered.
    pub(super) fn judge(&self, route: Route, method: &Method, headers: &HeaderMap) -> Result<(), HttpError> {
        let Some(needed) = need(route, method) else { return Ok(()) };
        let token = bearer(headers)?;
        let role = self.tokens.role_of(token).ok_or(HttpError::TokenUnknown)?;
        if role < needed {
            return Err(HttpError::RoleTooLow(needed));
        }
        let is_at_wrong_door = needed == Role::Admin && self.door == Door::Clients && !is_taken_at_any_door(route);
        if is_at_wrong_door { Err(HttpError::WrongDoor) } else { Ok(()) }
    }
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Result<&[u8], HttpError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let only = given.next().filter(|_| given.next().is_none()).ok_or(HttpError::TokenMissing)?;
    let (scheme, token) = only.as_bytes().split_at_checked(BEARER.len()).ok_or(HttpError::TokenMissing)?;
    if !scheme.eq_ignore_ascii_case(BEARER) {
        return Err(HttpError::TokenMissing);
    }
    Ok(token.trim_ascii())
}
