//! The accept loop and the client within TLS.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use causeway::{
    cli::certs::SecureFolder,
    http::{AcceptSettings, Access, Client, ClientError, ClientTls, Door, HttpMetrics, Outgoing},
    node::Outcome,
    tls::{Credentials, Roots, Validity, host},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    connections::{Running, patient},
    fake::{Fake, key_answer},
    guard::guard,
};

const DEADLINE: Duration = Duration::from_secs(20);
const NODES: [&str; 2] = ["127.0.0.1:1", "127.0.0.1:2"];

/// A listener of the first node, behind the guard of clients.
struct Secure {
    running: Running,
    folder: TempDir,
}

impl Secure {
    async fn start(settings: AcceptSettings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let secure = SecureFolder::at(folder.path().to_owned());
        secure.make(&NODES.map(str::to_owned), &[], Validity::long()).expect("made");
        let tls = ClientTls::new(&credentials(&folder, NODES[0])).expect("files that fit");
        let metrics = Arc::new(HttpMetrics::default());
        let fake = Fake::counting(key_answer(Outcome::Created), metrics.clone()).guarded_by(guard(Door::Clients));
        let running = Running::serve(fake, settings, metrics, Some(tls)).await;
        Self { running, folder }
    }

    fn roots(&self) -> Roots {
        Roots::load(&SecureFolder::at(self.folder.path().to_owned()).authority()).expect("a certificate")
    }

    fn access(&self) -> Access {
        Access::within_tls(self.roots().client().expect("roots"))
    }

    fn client(&self, access: Access) -> Client {
        Client::entering(self.running.address.to_string(), access)
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.running.address).await.expect("a listening server");
        let connector = TlsConnector::from(self.roots().client().expect("roots"));
        connector.connect(host("127.0.0.1").expect("a host"), stream).await.expect("a handshake")
    }

    /// Waits until this is counted.
    async fn shows_failed(&self, cause: &str) {
        let line = format!(r#"causeway_http_connections_failed_total{{cause="{cause}"}} 1"#);
        let mut client = self.client(self.access().with_token("read-token").expect("a token"));
        let shown = async {
            loop {
                let page = client.send_raw(Outgoing::new(Method::GET, "/metrics"), DEADLINE).await.expect("an answer").1;
                if String::from_utf8_lossy(&page).lines().any(|found| found == line) {
                    break;
                }
            }
        };
        timeout(DEADLINE, shown).await.unwrap_or_else(|_| panic!("{line} is not shown"));
    }
}

fn credentials(folder: &TempDir, node: &str) -> Credentials {
    let files = SecureFolder::at(folder.path().to_owned()).tls_files(node);
    Credentials::load(&files).expect("files that fit")
}

fn put() -> Outgoing {
    Outgoing::new(Method::PUT, "/kvs/a").json(&json!({ "value": 1 }))
}

async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    let _closed_or_reset = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_client_enters_with_authority_and_token() {
    let secure = Secure::start(patient()).await;
    let mut writer = secure.client(secure.access().with_token("write-token").expect("a token"));
    for _ in 0..2 {
        let (status, body) = writer.send(put(), DEADLINE).await.expect("an answer");
        assert_eq!((status, &body["result"]), (201, &json!("created")));
    }
    let (status, _) = secure.client(secure.access()).send(put(), DEADLINE).await.expect("an answer");
    assert_eq!(status, 401);
    let health = Outgoing::new(Method::GET, "/livez");
    assert_eq!(secure.client(secure.access()).send(health, DEADLINE).await.expect("an answer").0, 200);
    assert!(!format!("{writer:?}").contains("write-token"), "{writer:?}");
}

#[tokio::test]
async fn a_client_believes_its_authority_alone_and_the_host_that_it_asked() {
    let secure = Secure::start(patient()).await;
    let other = Secure::start(patient()).await;
    let stranger = Client::entering(secure.running.address.to_string(), other.access()).send(put(), DEADLINE).await;
    let error = stranger.expect_err("another authority");
    assert!(matches!(error, ClientError::Connect { .. }) && !error.may_take_effect(), "{error}");
    let elsewhere = secure.access().named(host("10.9.9.9").expect("a host"));
    let error = secure.client(elsewhere).send(put(), DEADLINE).await.expect_err("another host");
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    assert_eq!(secure.running.fake.asked(), []);
}

#[tokio::test]
async fn http_in_clear_is_refused_without_harm() {
    let secure = Secure::start(patient()).await;
    let error = Client::new(secure.running.address.to_string()).send(put(), DEADLINE).await.expect_err("no HTTP");
    assert!(error.to_string().contains("--ca"), "{error}");
    secure.shows_failed("handshake").await;
    assert_eq!(secure.running.fake.asked(), []);
    let mut writer = secure.client(secure.access().with_token("write-token").expect("a token"));
    assert_eq!(writer.send(put(), DEADLINE).await.expect("an answer").0, 201);
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let secure = Secure::start(AcceptSettings { head_timeout_ms: 2_000, ..patient() }).await;
    let mut stream = TcpStream::connect(secure.running.address).await.expect("a listening server");
    stream.write_all(&[0x16, 3, 1, 0]).await.expect("the server reads");
    assert_eq!(read_to_end(&mut stream).await, "");
    secure.shows_failed("head_timeout").await;
}

#[tokio::test]
async fn what_is_screened_in_clear_is_screened_within_tls() {
    let secure = Secure::start(patient()).await;
    let mut stream = secure.connect().await;
    let both = "PUT /kvs/b HTTP/1.1\r\nhost: a\r\nauthorization: Bearer write-token\r\ncontent-length: 11\r\n\
transfer-encoding: chunked\r\n\r\nb\r\n{\"value\":1}\r\n0\r\n\r\n";
    stream.write_all(both.as_bytes()).await.expect("the server reads");
    stream.flush().await.expect("the server reads");
    let text = read_to_end(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    assert_eq!(secure.running.fake.asked(), []);
}

#[tokio::test]
async fn a_node_adds_itself_to_the_view_by_its_certificate_and_does_nothing_else() {
    let secure = Secure::start(patient()).await;
    let own = Access::within_tls(credentials(&secure.folder, NODES[1]).http_client().expect("files that fit"));
    let mut node = secure.client(own);
    let mut ask = async |method, path, address: &str| {
        let request = Outgoing::new(method, path).json(&json!({ "socket-address": address, "value": 1 }));
        node.send(request, DEADLINE).await.expect("an answer")
    };
    assert_eq!(ask(Method::PUT, "/view", NODES[1]).await.0, 201);
    assert_eq!(secure.running.fake.asked().len(), 1);
    for other in [NODES[0], "10.0.0.1:8090"] {
        let (status, body) = ask(Method::PUT, "/view", other).await;
        assert_eq!((status, &body["error"]), (403, &json!("A node's certificate adds that node alone")));
    }
    assert_eq!(ask(Method::DELETE, "/view", NODES[1]).await.0, 401);
    assert_eq!(ask(Method::PUT, "/kvs/a", NODES[1]).await.0, 401);
    assert_eq!(secure.running.fake.asked(), []);
}
