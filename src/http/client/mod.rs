//! A small HTTP/1.1 client for JSON: one connection to one node, kept open between requests. Used by the command line, the
//! `cluster` command and tests of processes.
//!
//! A request is sent a second time only when it provably never left: a connection that was kept open may have been closed by the
//! other side in the meantime.

#![expect(clippy::disallowed_methods, reason = "a client outside of any node: it lives on tokio's own clock and tasks")]

mod access;

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
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time,
};

use self::access::Secured;
pub use self::access::{Access, BadToken};

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
    /// What answers is no HTTP, as where TLS is spoken to somebody who does not.
    #[error("{0} does not answer in HTTP; a cluster that is secure is asked with --ca")]
    NotHttp(String),
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
    /// The node does not say what it was asked. Nothing was to be done.
    #[error("{address} answers {status}: {error}")]
    Unsaid {
        /// Which node.
        address: String,
        /// Its status code.
        status: u16,
        /// Its reason.
        error: String,
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
        !matches!(self, Self::Invalid(_) | Self::Connect { .. } | Self::Unsaid { .. })
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

    fn request(self, address: &str, access: &Access) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder().method(self.method).uri(self.path).header(header::HOST, address);
        if let Some(token) = access.token() {
            request = request.header(header::AUTHORIZATION, token);
        }
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
    access: Access,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of the node at this `HOST:PORT`, in clear. Connects with the first request.
    pub fn new(address: impl Into<String>) -> Self {
        Self::entering(address, Access::default())
    }

    /// The same for a cluster that is entered in this way.
    pub fn entering(address: impl Into<String>, access: Access) -> Self {
        Self { address: address.into(), access, connection: None }
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
        let request = outgoing.request(&self.address, &self.access)?;
        // Taken out, so that a connection with an unread answer is dropped and not used for the next request.
        let kept = self.connection.take();
        let exchanged = time::timeout(deadline, self.exchange(kept, request)).await;
        let late = |_| ClientError::Deadline { address: self.address.clone(), deadline_ms: deadline.as_millis() };
        let (connection, status, body) = exchanged.map_err(late)??;
        self.connection = Some(connection);
        Ok((status, body))
    }

    /// Looks at what a path shows.
    ///
    /// # Errors
    /// No answer, as of [`send`](Self::send), or another one than was asked for.
    pub async fn look<T: DeserializeOwned>(&mut self, path: &str, deadline: Duration) -> Result<T, ClientError> {
        let (status, answer) = self.send(Outgoing::new(Method::GET, path), deadline).await?;
        let address = self.address.clone();
        match status {
            200 => serde_json::from_value(answer).map_err(|_| ClientError::NotJson { address, status }),
            _ => {
                let error = answer["error"].as_str().unwrap_or("no reason given").to_owned();
                Err(ClientError::Unsaid { address, status, error })
            }
        }
    }

    async fn exchange(
        &self,
        kept: Option<Connection>,
        request: Request<Full<Bytes>>,
    ) -> Result<(Connection, u16, Bytes), ClientError> {
        let (connection, response) = match kept {
            None => self.send_fresh(request).await?,
            Some(mut connection) => match try_send(&mut connection, request).await {
                Ok(response) => (connection, response),
                Err(Unsent::InDoubt(error)) => return Err(self.broken(error)),
                Err(Unsent::NeverLeft(request)) => self.send_fresh(*request).await?,
            },
        };
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| self.broken(error))?;
        Ok((connection, status, body.to_bytes()))
    }

    async fn send_fresh(&self, request: Request<Full<Bytes>>) -> Result<(Connection, Response<Incoming>), ClientError> {
        let unreachable = |source| ClientError::Connect { address: self.address.clone(), source };
        let stream = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let begun = match self.access.secure(stream, &self.address).await.map_err(unreachable)? {
            Secured::Plain(stream) => begin(stream).await,
            Secured::Tls(stream) => begin(stream).await,
        };
        let mut connection = begun.map_err(|error| self.broken(error))?;
        let response = connection.send_request(request).await.map_err(|error| self.broken(error))?;
        Ok((connection, response))
    }

    fn broken(&self, source: hyper::Error) -> ClientError {
        let address = self.address.clone();
        if source.is_parse() { ClientError::NotHttp(address) } else { ClientError::Broken { address, source } }
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn begin(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Connection, hyper::Error> {
    let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends when the connection is dropped; how it ended is told by the request itself.
    tokio::spawn(async move { drop(driver.await) });
    Ok(connection)
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
