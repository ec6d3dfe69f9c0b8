//! Whether nodes are there: each by itself, and all for each other.

use std::time::{Duration, Instant};

use axum::http::Method;
use causeway::http::{Client, Outgoing};
use serde_json::Value;
use tokio::time;

const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(50);

/// Whether a node says that it has caught up.
pub async fn is_ready(address: &str) -> bool {
    matches!(ask(address, "/readyz").await, Some((200, _)))
}

/// Waits until all nodes are ready and have all of them in their views; what is still wrong when it is too late.
///
/// # Errors
/// They are not, in time.
pub async fn until_whole(addresses: &[String], limit: Duration) -> Result<Duration, String> {
    let began = Instant::now();
    for address in addresses {
        loop {
            let (ready, view) = (is_ready(address).await, ask(address, "/view").await);
            let view = view.and_then(|(_, body)| serde_json::from_value::<Vec<String>>(body["view"].clone()).ok());
            if ready && view.as_deref() == Some(addresses) {
                break;
            }
            if began.elapsed() > limit {
                let readiness = if ready { "ready" } else { "not ready" };
                return Err(format!("after {} s {address} is {readiness} and has the view {view:?}", limit.as_secs()));
            }
            time::sleep(POLL).await;
        }
    }
    Ok(began.elapsed())
}

async fn ask(address: &str, path: &str) -> Option<(u16, Value)> {
    Client::new(address).send(Outgoing::new(Method::GET, path), ANSWER_DEADLINE).await.ok()
}
