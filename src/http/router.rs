//! Which handler answers which path and method.

use std::sync::Arc;

use axum::{Router, middleware, routing};

use super::{
    App, Guard, admin, backup, error::HttpError, guard, health, kvs, observe, reshard, route::Route, scrape, shard, status, view,
};

/// The API of one node, for everybody. Needs no timers and starts no tasks, so that it also runs in simulation.
pub fn router(app: App) -> Router {
    observed(routes(), app)
}

/// The same for those whom a guard lets in.
pub fn guarded_router(app: App, guard: Guard) -> Router {
    observed(routes().layer(middleware::from_fn_with_state(Arc::new(guard), guard::enforce)), app)
}

/// What is refused is counted too.
fn observed(routes: Router<Arc<App>>, app: App) -> Router {
    let app = Arc::new(app);
    routes.layer(middleware::from_fn_with_state(app.clone(), observe::observe)).with_state(app)
}

fn routes() -> Router<Arc<App>> {
    let key = || routing::get(kvs::get).put(kvs::put).delete(kvs::delete);
    Router::new()
        .route(Route::Key.path(), key())
        .route(Route::EmptyKey.path(), key())
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
