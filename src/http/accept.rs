//! The accept loop: who may connect, for how long, and how the server stops.
//!
//! A client that is slow on purpose costs a connection for a bounded time, whatever it is slow at:
//!
//! | slow at | bound |
//! | --- | --- |
//! | its first request's head, or any head once begun | `head_timeout_ms`, then closed |
//! | its body | `body_timeout_ms` for the whole of it, then 408 |
//! | asking again | `idle_timeout_ms`, then closed |
//! | reading its answer | `write_timeout_ms` without a byte taken, then closed |
//!
//! The bounds on connections, overall and for one client, are for those that are many on purpose. A request whose length is given
//! in two ways is refused before hyper reads it (`framing`, `screen`).

use std::{io::Write, net::IpAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time,
};

use super::{
    HttpMetrics,
    admission::{Admission, Permit},
    connection::{Connection, stopped},
};

/// How long to wait after an accept failed for want of something (file descriptors): it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 32\r\n\
retry-after: 1\r\nconnection: close\r\n\r\n{\"error\":\"Too many connections\"}";

/// What an operator can set about connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptSettings {
    /// For the whole head of a request, from its first byte or from the connection's start.
    pub head_timeout_ms: u64,
    /// For the whole body of a request.
    pub body_timeout_ms: u64,
    /// Between an answer and the first byte of the next request.
    pub idle_timeout_ms: u64,
    /// For a client to take some more of its answer.
    pub write_timeout_ms: u64,
    /// When stopping: for requests that are under way.
    pub drain_timeout_ms: u64,
    /// The largest head: request line and headers.
    pub max_head_bytes: usize,
    /// Open connections, all together.
    pub max_connections: usize,
    /// Open connections of one client address.
    pub max_connections_per_client: usize,
}

impl Default for AcceptSettings {
    fn default() -> Self {
        Self {
            head_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            idle_timeout_ms: 75_000,
            write_timeout_ms: 30_000,
            drain_timeout_ms: 5_000,
            max_head_bytes: 16 << 10,
            max_connections: 4_096,
            max_connections_per_client: 1_024,
        }
    }
}

/// Serves a router to whoever connects.
#[derive(Debug, Clone)]
pub struct Server {
    /// What answers.
    pub router: Router,
    /// Bounds of connections.
    pub settings: AcceptSettings,
    /// Where connections are counted.
    pub metrics: Arc<HttpMetrics>,
}

impl Server {
    /// Accepts connections until `stop` turns true or its sender is gone; then lets requests under way end.
    pub async fn run(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let admission = Arc::new(Admission::new(&self.settings));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        if let Some(permit) = self.admit(&admission, client.ip()) {
                            connections.spawn(self.connection(permit, stop.clone()).serve(stream));
                        } else {
                            refuse(stream);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // Closed first, so that who connects now is refused by the system and may go elsewhere at once.
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if time::timeout(Duration::from_millis(self.settings.drain_timeout_ms), drained).await.is_err() {
            tracing::warn!(connections = connections.len(), "stopping with requests under way");
            connections.shutdown().await;
        }
    }

    fn admit(&self, admission: &Arc<Admission>, client: IpAddr) -> Option<Permit> {
        let admitted = admission.admit(client);
        if let Err(limit) = &admitted {
            self.metrics.refused_connection(limit.label());
        }
        admitted.ok()
    }

    fn connection(&self, permit: Permit, stop: watch::Receiver<bool>) -> Connection {
        Connection { router: self.router.clone(), settings: self.settings, metrics: self.metrics.clone(), permit, stop }
    }
}

/// As much of an answer as the socket takes at once: who is over a limit gets no memory and no time.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(TOO_MANY);
    }
}
