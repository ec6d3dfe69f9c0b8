//! Which role a request needs.

use axum::http::Method;

use super::Role;
use crate::http::Route;

/// The least role that may do this; `None` where nobody is asked.
pub(super) fn need(route: Route, method: &Method) -> Option<Role> {
    let only_looks = matches!(*method, Method::GET | Method::HEAD);
    match route {
        Route::Livez | Route::Readyz => None,
        Route::Key | Route::EmptyKey if !only_looks => Some(Role::Write),
        // They show keys and values of anybody.
        Route::SetAside | Route::Backup | Route::BackupPart => Some(Role::Admin),
        Route::Unknown => Some(Role::Read),
        _ if only_looks => Some(Role::Read),
        _ => Some(Role::Admin),
    }
}

/// Whether an admin may do it on the listener for clients too: a backup asks a node of each shard, and the other listener is for those
/// on the node's own machine.
pub(super) fn is_taken_at_any_door(route: Route) -> bool {
    matches!(route, Route::Backup | Route::BackupPart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_reads_and_who_changes_the_cluster_is_an_admin() {
        for (route, method, needed) in [
            (Route::Livez, Method::GET, None),
            (Route::Readyz, Method::HEAD, None),
            (Route::Key, Method::GET, Some(Role::Read)),
            (Route::Key, Method::PUT, Some(Role::Write)),
            (Route::Key, Method::DELETE, Some(Role::Write)),
            (Route::Key, Method::PATCH, Some(Role::Write)),
            (Route::View, Method::GET, Some(Role::Read)),
            (Route::View, Method::PUT, Some(Role::Admin)),
            (Route::View, Method::DELETE, Some(Role::Admin)),
            (Route::ShardKeyCount, Method::GET, Some(Role::Read)),
            (Route::AddMember, Method::PUT, Some(Role::Admin)),
            (Route::Reshard, Method::PUT, Some(Role::Admin)),
            (Route::ReshardUnderWay, Method::GET, Some(Role::Read)),
            (Route::ReshardUnderWay, Method::DELETE, Some(Role::Admin)),
            (Route::Status, Method::GET, Some(Role::Read)),
            (Route::ConfigLog, Method::GET, Some(Role::Read)),
            (Route::SetAside, Method::GET, Some(Role::Admin)),
            (Route::ForceRecover, Method::PUT, Some(Role::Admin)),
            (Route::Backup, Method::PUT, Some(Role::Admin)),
            (Route::BackupPart, Method::GET, Some(Role::Admin)),
            (Route::Metrics, Method::GET, Some(Role::Read)),
            (Route::Unknown, Method::GET, Some(Role::Read)),
        ] {
            assert_eq!(need(route, &method), needed, "{method} {route}");
        }
    }
}
