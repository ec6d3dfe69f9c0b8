//! The API of one node: keys in a way of their own, everything else through axum's router.
//!
//! Almost every request is for a key, and routing, layers, and the boxes that these need cost a fifth of a read's instructions
//! (docs/performance.md). So the one prefix that keys have is told apart here, and its handlers are called as they are.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, HttpBody},
    http::{HeaderValue, Method, Request, header, request::Parts},
    middleware,
    response::{IntoResponse, Response},
    routing,
};
use bytes::Bytes;
use tower::ServiceExt;

use super::{
    App, Guard, admin, backup,
    body::BodyError,
    error::HttpError,
    guard, health,
    key::KEY_PREFIX,
    kvs,
    observe::{Observation, observe},
    reshard,
    route::Route,
    scrape, shard, status, view, waiting,
};

/// What answers a node's clients. Needs no timers and starts no tasks, so that it also runs in simulation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where there are keys.
    keys: Option<Keys>,
    others: Router,
}

/// What may be done to a key.
const ALLOWED: [Method; 4] = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE];

#[derive(Debug, Clone)]
struct Keys {
    app: Arc<App>,
    guard: Option<Arc<Guard>>,
}

impl Api {
    /// For everybody.
    pub fn new(app: App) -> Self {
        Self::of(app, None)
    }

    /// For those whom a guard lets in.
    pub fn guarded(app: App, guard: Guard) -> Self {
        Self::of(app, Some(guard))
    }

    /// Of a node that waits to be told to which cluster it belongs.
    pub fn waiting(address: &str) -> Self {
        waiting::routes(address).into()
    }

    /// The same for those whom a guard lets in.
    pub fn guarded_waiting(address: &str, guard: Guard) -> Self {
        guarded(waiting::routes(address), Arc::new(guard)).into()
    }

    fn of(app: App, guard: Option<Guard>) -> Self {
        let (app, guard) = (Arc::new(app), guard.map(Arc::new));
        let routes = match &guard {
            Some(guard) => guarded(routes(), guard.clone()),
            None => routes(),
        };
        // What the guard refuses is counted too.
        let observed = routes.layer(middleware::from_fn_with_state(app.clone(), observe));
        Self { others: observed.with_state(app.clone()), keys: Some(Keys { app, guard }) }
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
    {
        match &self.keys {
            Some(keys) if request.uri().path().starts_with(KEY_PREFIX) => keys.answer(request).await,
            _ => {
                let Ok(response) = self.others.clone().oneshot(request.map(Body::new)).await;
                response
            }
        }
    }
}

/// Of nothing but a router.
impl From<Router> for Api {
    fn from(others: Router) -> Self {
        Self { keys: None, others }
    }
}

fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>, guard: Arc<Guard>) -> Router<S> {
    routes.layer(middleware::from_fn_with_state(guard, guard::enforce))
}

fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(Route::View.path(), routing::get(view::get).put(view::put).delete(view::delete))
        .route(Route::ShardIds.path(), routing::get(shard::ids))
        .route(Route::NodeShardId.path(), routing::get(shard::of_node))
        .route(Route::ShardMembers.path(), routing::get(shard::members))
        .route(Route::ShardKeyCount.path(), routing::get(shard::key_count))
        .route(Route::AddMember.path(), routing::put(shard::add_member))
        .route(Route::Reshard.path(), routing::put(shard::reshard))
        .route(Route::ReshardUnderWay.path(), routing::get(reshard::get).delete(reshard::abort))
        .route(Route::Status.path(), routing::get(status::get))
        .route(Route::ConfigLog.path(), routing::get(admin::config_log))
        .route(Route::SetAside.path(), routing::get(admin::set_aside))
        .route(Route::ForceRecover.path(), routing::put(admin::force_recover))
        .route(Route::Backup.path(), routing::put(backup::begin).delete(backup::end))
        .route(Route::BackupPart.path(), routing::get(backup::part))
        .route(Route::Livez.path(), routing::get(health::livez))
        .route(Route::Readyz.path(), routing::get(health::readyz))
        .route(Route::Metrics.path(), routing::get(scrape::get))
        .fallback(async || HttpError::NoSuchPath)
        .method_not_allowed_fallback(async || HttpError::MethodNotAllowed)
}

impl Keys {
    async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>>,
    {
        let (head, body) = request.into_parts();
        let route = if head.uri.path() == KEY_PREFIX { Route::EmptyKey } else { Route::Key };
        let observation = Observation::begin(&self.app, route, &head.method, &head.headers);
        let mut response = self.dispatch(route, &head, body).await.into_response();
        if head.method == Method::HEAD {
            response = without_body(response);
        }
        observation.end(&self.app, &mut response);
        response
    }

    async fn dispatch<B>(&self, route: Route, head: &Parts, body: B) -> Result<Response, HttpError>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>>,
    {
        if let Some(guard) = &self.guard {
            guard.judge(route, &head.method, &head.headers)?;
        }
        if !ALLOWED.contains(&head.method) {
            return Ok(not_allowed());
        }
        let parsed = kvs::parse(&self.app, head, body).await?;
        match head.method {
            Method::PUT => kvs::put(&self.app, head, parsed).await,
            Method::DELETE => kvs::delete(&self.app, head, parsed).await,
            _ => kvs::get(&self.app, parsed).await,
        }
    }
}

/// As HEAD is answered: with how long the body would be (RFC 9110, section 9.3.2).
fn without_body(mut response: Response) -> Response {
    let body = std::mem::take(response.body_mut());
    if let Some(bytes) = body.size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    }
    response
}

fn not_allowed() -> Response {
    let allowed = [(header::ALLOW, HeaderValue::from_static("GET,HEAD,PUT,DELETE"))];
    (allowed, HttpError::MethodNotAllowed).into_response()
}
