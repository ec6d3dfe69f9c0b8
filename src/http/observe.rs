//! What is recorded of every request: its name, its time, its outcome. Never its path, which holds a key, and never a value.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};

use super::{App, Route, error::Cause, metrics::Seen};

const REQUEST_NAME: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_NAME_BYTES: usize = 64;

/// A request on its way.
pub(super) struct Observation {
    started_us: u64,
    name: HeaderValue,
    route: Route,
    method: Method,
}

impl Observation {
    pub(super) fn begin(app: &App, route: Route, method: &Method, headers: &HeaderMap) -> Self {
        let name = given_name(headers).unwrap_or_else(|| app.metrics.next_request_name());
        Self { started_us: (app.clock)(), name, route, method: method.clone() }
    }

    pub(super) fn end(self, app: &App, response: &mut Response) {
        let latency_us = (app.clock)().saturating_sub(self.started_us);
        let seen = Seen { route: self.route, method: &self.method, status: response.status(), latency_us };
        app.metrics.saw_request(&seen);
        if let Some(Cause(cause)) = response.extensions().get() {
            app.metrics.saw_refusal(cause);
        }
        log(&seen, &self.name, app.limits.slow_request_ms.saturating_mul(1_000));
        response.headers_mut().insert(REQUEST_NAME, self.name);
    }
}

/// Around whatever the router matched.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = Route::matched(request.extensions().get().map(MatchedPath::as_str));
    let observation = Observation::begin(&app, route, request.method(), request.headers());
    let mut response = next.run(request).await;
    observation.end(&app, &mut response);
    response
}

fn log(seen: &Seen<'_>, name: &HeaderValue, slow_us: u64) {
    let request_id = name.to_str().unwrap_or_default();
    let Seen { route, method, status, latency_us } = seen;
    let status = status.as_u16();
    if *latency_us > slow_us {
        tracing::warn!(request_id, %method, %route, status, latency_us, "slow request");
    } else {
        tracing::debug!(request_id, %method, %route, status, latency_us, "request");
    }
}

/// The client's own name for its request, where it is short and cannot garble a log line.
fn given_name(headers: &HeaderMap) -> Option<HeaderValue> {
    let name = headers.get(REQUEST_NAME)?;
    let bytes = name.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let fits = (1..=MAX_REQUEST_NAME_BYTES).contains(&bytes.len()) && bytes.iter().all(is_plain);
    fits.then(|| name.clone())
}
