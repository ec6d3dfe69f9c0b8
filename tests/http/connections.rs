//! The accept loop over real sockets: clients that are slow, many, or malformed, and a server that stops.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use causeway::{
    http::{AcceptSettings, ClientTls, HttpMetrics, Server},
    node::Outcome,
    store::Value,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::fake::{Fake, key_answer};

const SHORT_MS: u64 = 60;
/// Far longer than a test may take: a bound that must not be what ends it.
const NEVER_MS: u64 = 3_600_000;
const PATIENCE: Duration = Duration::from_secs(20);
const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";

/// A server on a socket, and the fake node behind it.
pub struct Running {
    pub fake: Fake,
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

pub fn patient() -> AcceptSettings {
    AcceptSettings {
        head_timeout_ms: NEVER_MS,
        body_timeout_ms: NEVER_MS,
        idle_timeout_ms: NEVER_MS,
        write_timeout_ms: NEVER_MS,
        drain_timeout_ms: NEVER_MS,
        ..AcceptSettings::default()
    }
}

impl Running {
    pub async fn start(settings: AcceptSettings) -> Self {
        Self::start_with(settings, Outcome::Created).await
    }

    pub async fn start_with(settings: AcceptSettings, outcome: Outcome) -> Self {
        let metrics = Arc::new(HttpMetrics::default());
        Self::serve(Fake::counting(key_answer(outcome), metrics.clone()), settings, metrics, None).await
    }

    /// A listener before a node that counts in these metrics.
    pub async fn serve(fake: Fake, settings: AcceptSettings, metrics: Arc<HttpMetrics>, tls: Option<ClientTls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(Server { api: fake.api.clone(), settings, metrics, tls }.run(listener, stopped));
        Self { fake, address, stop, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a listening server")
    }

    /// Waits until the metrics show this.
    pub async fn shows(&self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = self.fake.raw("GET", "/metrics", "").await.text;
            if page.lines().any(|found| found == line) {
                return;
            }
            assert!(Instant::now() < deadline, "{line} is not in\n{page}");
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn shows_failed(&self, cause: &str) {
        self.shows(&format!(r#"causeway_http_connections_failed_total{{cause="{cause}"}} 1"#)).await;
    }
}

/// Everything that comes until the server closes; a reset is a close too.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let _closed_or_reset = timeout(PATIENCE, read).await.expect("the server closes the connection");
    String::from_utf8(bytes).expect("text")
}

/// One answer whose end is known by its last bytes.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut part = [0; 1024];
        let count = timeout(PATIENCE, stream.read(&mut part)).await.expect("an answer in time").expect("an answer");
        assert!(count > 0, "closed after {text}");
        text.push_str(str::from_utf8(&part[..count]).expect("text"));
    }
    text
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let running = Running::start(AcceptSettings { head_timeout_ms: SHORT_MS, ..patient() }).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /livez HTTP/1.1\r\nx: ").await.unwrap();
    let started = Instant::now();
    // Bytes that trickle in do not earn more time.
    while stream.write_all(b"x").await.is_ok() {
        assert!(started.elapsed() < PATIENCE, "still open");
        sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(read_to_end(&mut stream).await, "");
    running.shows_failed("head_timeout").await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off() {
    let running = Running::start(AcceptSettings { head_timeout_ms: SHORT_MS, ..patient() }).await;
    assert_eq!(read_to_end(&mut running.connect().await).await, "");
    running.shows_failed("head_timeout").await;
    running.shows("causeway_http_connections 0").await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_own_bound() {
    let running = Running::start(AcceptSettings { idle_timeout_ms: SHORT_MS, ..patient() }).await;
    let mut stream = running.connect().await;
    for _ in 0..3 {
        stream.write_all(LIVEZ).await.unwrap();
        assert!(read_until(&mut stream, "}").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(read_to_end(&mut stream).await, "");
    running.shows_failed("idle_timeout").await;
}

#[tokio::test]
async fn a_later_head_is_bounded_like_the_first() {
    let running = Running::start(AcceptSettings { head_timeout_ms: SHORT_MS, ..patient() }).await;
    let mut stream = running.connect().await;
    stream.write_all(LIVEZ).await.unwrap();
    read_until(&mut stream, "}").await;
    // Longer than a head may take: between requests another bound holds.
    sleep(Duration::from_millis(2 * SHORT_MS)).await;
    stream.write_all(LIVEZ).await.unwrap();
    read_until(&mut stream, "}").await;
    stream.write_all(&LIVEZ[..10]).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
    running.shows_failed("head_timeout").await;
}

#[tokio::test]
async fn a_slow_body_gets_408_and_reaches_nobody() {
    let running = Running::start(AcceptSettings { body_timeout_ms: SHORT_MS, ..patient() }).await;
    for head in ["content-length: 11\r\n\r\n", "transfer-encoding: chunked\r\n\r\nb\r\n"] {
        let mut stream = running.connect().await;
        stream.write_all(format!("PUT /kvs/a HTTP/1.1\r\nhost: a\r\n{head}{{\"va").as_bytes()).await.unwrap();
        let text = read_to_end(&mut stream).await;
        assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
        assert!(text.ends_with(r#"{"error":"Body did not arrive in time"}"#), "{text}");
    }
    assert_eq!(running.fake.asked(), []);
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let large = Outcome::Found(Value::json(format!("\"{}\"", "v".repeat(32 << 20))));
    let running = Running::start_with(AcceptSettings { write_timeout_ms: SHORT_MS, ..patient() }, large).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /kvs/a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    running.shows_failed("write_timeout").await;
    assert!(read_to_end(&mut stream).await.len() < 32 << 20);
}

#[tokio::test]
async fn connections_over_a_limit_are_refused_until_one_ends() {
    for (settings, limit) in [
        (AcceptSettings { max_connections: 1, ..patient() }, "total"),
        (AcceptSettings { max_connections_per_client: 1, ..patient() }, "client"),
    ] {
        let running = Running::start(settings).await;
        let mut first = running.connect().await;
        first.write_all(LIVEZ).await.unwrap();
        read_until(&mut first, "}").await;
        let text = read_to_end(&mut running.connect().await).await;
        assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
        assert!(text.contains("\r\ncontent-length: 32\r\n") && text.ends_with("\r\n\r\n{\"error\":\"Too many connections\"}"));
        running.shows(&format!(r#"causeway_http_connections_refused_total{{cause="{limit}"}} 1"#)).await;

        drop(first);
        running.shows("causeway_http_connections 0").await;
        let mut second = running.connect().await;
        second.write_all(LIVEZ).await.unwrap();
        assert!(read_until(&mut second, "}").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn heads_that_are_too_large_or_no_http_are_refused() {
    let many = (0..101).map(|n| format!("h{n}: v\r\n")).collect::<String>();
    for (head, status) in [
        (format!("GET /livez HTTP/1.1\r\nlarge: {}\r\n\r\n", "x".repeat(20_000)), "431"),
        (format!("GET /livez HTTP/1.1\r\nendless: {}", "x".repeat(500_000)), "431"),
        (format!("GET /livez HTTP/1.1\r\n{many}\r\n"), "431"),
        ("NO HTTP AT ALL\r\n\r\n".to_owned(), "400"),
        ("GET /livez HTTP/1.1\r\nbad header: x\r\n\r\n".to_owned(), "400"),
        ("PUT /kvs/a HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(), "400"),
        ("PUT /kvs/a HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n".to_owned(), "400"),
    ] {
        let running = Running::start(patient()).await;
        let mut stream = running.connect().await;
        // The server may answer and close before all of it is written.
        let _ = stream.write_all(head.as_bytes()).await;
        let text = read_to_end(&mut stream).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert_eq!(running.fake.asked(), []);
    }
}

#[tokio::test]
async fn a_request_with_two_lengths_is_refused_wherever_it_comes() {
    let both = "PUT /kvs/b HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\ntransfer-encoding: chunked\r\n\r\n\
b\r\n{\"value\":1}\r\n0\r\n\r\n";
    let swapped = "PUT /kvs/b HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n\
b\r\n{\"value\":1}\r\n0\r\n\r\n";
    let put = "PUT /kvs/a HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n{\"value\":1}";
    for illegal in [both, swapped] {
        for (before, answered) in [("", 0), (put, 1)] {
            let running = Running::start(patient()).await;
            let mut stream = running.connect().await;
            stream.write_all([before, illegal].concat().as_bytes()).await.unwrap();
            let text = read_to_end(&mut stream).await;
            assert_eq!(text.matches("HTTP/1.1 201 Created\r\n").count(), answered, "{text}");
            assert_eq!(text.matches("HTTP/1.1 400 Bad Request\r\n").count(), 1, "{text}");
            assert_eq!(running.fake.asked().len(), answered);

            // The same byte by byte: the beginning of the head has been let through when its end shows what it is.
            let running = Running::start(patient()).await;
            let mut stream = running.connect().await;
            stream.set_nodelay(true).unwrap();
            for byte in [before, illegal].concat().bytes() {
                // The server may close before all of it is written.
                let _ = stream.write_all(&[byte]).await;
                tokio::task::yield_now().await;
            }
            let text = read_to_end(&mut stream).await;
            assert!(text.contains("HTTP/1.1 400 Bad Request\r\n"), "{text}");
            assert_eq!(running.fake.asked().len(), answered);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_its_answer_before_the_end() {
    let running = Running::start(patient()).await;
    let mut stream = running.connect().await;
    let body = "x".repeat(300_000);
    stream
        .write_all(format!("PUT /kvs/a HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .await
        .unwrap();
    assert!(read_until(&mut stream, "}").await.starts_with("HTTP/1.1 413 "));
    // Who waits for leave to send is not given it.
    let head = b"PUT /kvs/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3000000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    assert!(read_until(&mut stream, "}").await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn stopping_lets_requests_end_and_closes_the_rest() {
    let running = Running::start(patient()).await;
    let mut idle = running.connect().await;
    idle.write_all(LIVEZ).await.unwrap();
    read_until(&mut idle, "}").await;
    let mut busy = running.connect().await;
    busy.write_all(b"PUT /kvs/a HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\nexpect: 100-continue\r\n\r\n").await.unwrap();
    read_until(&mut busy, "100 Continue\r\n\r\n").await;

    running.stop.send(true).unwrap();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert!(!running.server.is_finished());
    busy.write_all(br#"{"value":1}"#).await.unwrap();
    assert!(read_to_end(&mut busy).await.starts_with("HTTP/1.1 201 Created\r\n"));
    timeout(PATIENCE, running.server).await.expect("the server ends").expect("without a panic");
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let running = Running::start(AcceptSettings { drain_timeout_ms: SHORT_MS, ..patient() }).await;
    let mut busy = running.connect().await;
    busy.write_all(b"PUT /kvs/a HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\nexpect: 100-continue\r\n\r\n").await.unwrap();
    read_until(&mut busy, "100 Continue\r\n\r\n").await;
    running.stop.send(true).unwrap();
    timeout(PATIENCE, running.server).await.expect("the server ends").expect("without a panic");
    assert_eq!(read_to_end(&mut busy).await, "");
}
