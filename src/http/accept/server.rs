//! The loop that takes connections in, and its end.

use std::{io::Write, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time,
};

use super::{
    AcceptSettings, ClientTls,
    admission::{Admission, Permit},
    connection::{Connection, stopped},
};
use crate::http::{Api, HttpMetrics};

/// How long to wait after an accept failed for want of something (file descriptors): it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 32\r\n\
retry-after: 1\r\nconnection: close\r\n\r\n{\"error\":\"Too many connections\"}";

/// Serves an API to whoever connects.
#[derive(Debug, Clone)]
pub struct Server {
    /// What answers.
    pub api: Api,
    /// Bounds of connections.
    pub settings: AcceptSettings,
    /// Where connections are counted.
    pub metrics: Arc<HttpMetrics>,
    /// What the listener shows to clients; in clear without.
    pub tls: Option<ClientTls>,
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
                        } else if self.tls.is_none() {
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
        let Self { api, settings, metrics, tls } = self.clone();
        Connection { api, settings, metrics, tls, permit, stop }
    }
}

/// As much of an answer as the socket takes at once: who is over a limit gets no memory and no time, and so none within TLS.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(TOO_MANY);
    }
}
