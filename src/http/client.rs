//! A small HTTP/1.1 client for JSON: one connection to one node, kept open between requests. Used by the command line, the
//! `cluster` command and tests of processes.
//!
//! A request is sent a second time only when it provably never left: a connection that was kept open may have been closed by the
//! other side in the meantime.

#![expect(clippy::disallowed_methods, reason = "a client outside of any node: it lives on tokio's own clock and tasks")]

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;
use tokio::{net::TcpStream, time};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Method, path or headers are no HTTP. Not sent.
    #[error("not a valid request: {0}")]
    Invalid(#[from] hyper::http::Error),
    /// No connection. Not sent.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// To which node.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// No answer in time. May have been done, or be done later.
    #[error("no answer from {address} within {deadline_ms} ms")]
    Deadline {
        /// From which node.
        address: String,
        /// How long it was waited for.
        deadline_ms: u128,
    },
    /// The connection broke before the whole answer was there. May have been done.
    #[error("connection to {address} broke: {source}")]
    Broken {
        /// To which node.
        address: String,
        /// How.
        source: hyper::Error,
    },
    /// An answer that is no JSON. May have been done.
    #[error("{address} answered {status} without JSON")]
    NotJson {
        /// Which node.
        address: String,
        /// Its status code.
        status: u16,
    },
}

impl ClientError {
    /// Whether the request may have been done: it left, and what came of it is not known.
    pub fn may_take_effect(&self) -> bool {
        !matches!(self, Self::Invalid(_) | Self::Connect { .. })
    }
}

/// What to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Outgoing {
    /// A request without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self
    }

    /// The same with a body that is JSON text already.
    pub fn json_text(mut self, text: String) -> Self {
        self.body = text.into();
        self
    }

    fn request(self, address: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder().method(self.method).uri(self.path).header(header::HOST, address);
        if !self.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body))
    }
}

/// A client of one node.
#[derive(Debug)]
pub struct Client {
    address: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of the node at this `HOST:PORT`. Connects with the first request.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), connection: None }
    }

    /// Which node.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request and waits for its answer: status code and JSON body (`null` for an empty one).
    ///
    /// # Errors
    /// No answer within the deadline, or none at all; [`ClientError::may_take_effect`] says which of them are in doubt.
    pub async fn send(&mut self, outgoing: Outgoing, deadline: Duration) -> Result<(u16, Value), ClientError> {
        let (status, body) = self.send_raw(outgoing, deadline).await?;
        if body.is_empty() {
            return Ok((status, Value::Null));
        }
        let json = serde_json::from_slice(&body);
        json.map(|json| (status, json)).map_err(|_| ClientError::NotJson { address: self.address.clone(), status })
    }

    /// The same where the answer need not be JSON: status code and body.
    ///
    /// # Errors
    /// As [`send`](Self::send), but for [`ClientError::NotJson`].
    pub async fn send_raw(&mut self, outgoing: Outgoing, deadline: Duration) -> Result<(u16, Bytes), ClientError> {
        let request = outgoing.request(&self.address)?;
        // Taken out, so that a connection with an unread answer is dropped and not used for the next request.
        let kept = self.connection.take();
        let exchanged = time::timeout(deadline, exchange(&self.address, kept, request)).await;
        let late = |_| ClientError::Deadline { address: self.address.clone(), deadline_ms: deadline.as_millis() };
        let (connection, status, body) = exchanged.map_err(late)??;
        self.connection = Some(connection);
        Ok((status, body))
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn exchange(
    address: &str,
    kept: Option<Connection>,
    request: Request<Full<Bytes>>,
) -> Result<(Connection, u16, Bytes), ClientError> {
    let broken = |source| ClientError::Broken { address: address.to_owned(), source };
    let (connection, response) = match kept {
        None => send_fresh(address, request).await?,
        Some(mut connection) => match try_send(&mut connection, request).await {
            Ok(response) => (connection, response),
            Err(Unsent::InDoubt(error)) => return Err(broken(error)),
            Err(Unsent::NeverLeft(request)) => send_fresh(address, *request).await?,
        },
    };
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(broken)?;
    Ok((connection, status, body.to_bytes()))
}

async fn send_fresh(address: &str, request: Request<Full<Bytes>>) -> Result<(Connection, Response<Incoming>), ClientError> {
    let unreachable = |source| ClientError::Connect { address: address.to_owned(), source };
    let broken = |source| ClientError::Broken { address: address.to_owned(), source };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends when the connection is dropped; how it ended is told by the request itself.
    tokio::spawn(async move { drop(driver.await) });
    let response = connection.send_request(request).await.map_err(broken)?;
    Ok((connection, response))
}

enum Unsent {
    NeverLeft(Box<Request<Full<Bytes>>>),
    InDoubt(hyper::Error),
}

async fn try_send(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unsent> {
    if connection.ready().await.is_err() {
        return Err(Unsent::NeverLeft(Box::new(request)));
    }
    connection.try_send_request(request).await.map_err(|mut error| match error.take_message() {
        Some(request) => Unsent::NeverLeft(Box::new(request)),
        None => Unsent::InDoubt(error.into_error()),
    })
}
