//! Requests and answers as each store speaks them.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use clap::ValueEnum;

/// What servers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// The course dialect over HTTP; the anchors answer in it too.
    Causeway,
    /// The JSON gateway of etcd 3.4 and later.
    Etcd,
    /// RESP2.
    Redis,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Get,
    Put,
}

/// What an answer says.
#[derive(Debug, Default)]
pub struct Answer {
    pub refusal: Option<String>,
    /// Whether a refusal says after what time to try again.
    pub says_when: bool,
    /// Whether the server ends the connection with it.
    pub closes: bool,
    pub token_bytes: usize,
}

/// One client: it sends back the newest causal metadata that it was given.
pub struct Session {
    dialect: Dialect,
    kind: Kind,
    replicas: u8,
    address: String,
    value: String,
    token: String,
    body: Vec<u8>,
    request: Vec<u8>,
}

impl Session {
    /// One that has seen nothing.
    pub fn new(dialect: Dialect, kind: Kind, replicas: u8, value_bytes: usize, address: &str) -> Self {
        let (address, value) = (address.to_owned(), "v".repeat(value_bytes));
        Self { dialect, kind, replicas, address, value, token: String::new(), body: Vec::new(), request: Vec::new() }
    }

    /// The next request, for this key.
    pub fn request(&mut self, key: u32) -> &[u8] {
        self.request.clear();
        match self.dialect {
            Dialect::Causeway => self.write_causeway(key),
            Dialect::Etcd => self.write_etcd(key),
            Dialect::Redis => self.write_redis(key),
        }
        .expect("memory takes all");
        &self.request
    }

    /// Whether these bytes are all of an answer.
    ///
    /// # Errors
    /// They begin no answer.
    pub fn is_whole(&self, bytes: &[u8]) -> io::Result<bool> {
        match self.dialect {
            Dialect::Causeway | Dialect::Etcd => {
                let Some(head) = head_of(bytes) else { return Ok(false) };
                Ok(bytes.len() >= head.len() + content_length(head)?)
            }
            Dialect::Redis => {
                let replies = if self.waits() { 2 } else { 1 };
                Ok(after_replies(bytes, replies)?.is_some())
            }
        }
    }

    /// What a whole answer says.
    pub fn read(&mut self, bytes: &[u8]) -> Answer {
        let shown = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        if self.dialect == Dialect::Redis {
            let is_refusal = bytes.starts_with(b"-") || self.waits() && bytes.ends_with(b":0\r\n");
            return Answer { refusal: is_refusal.then(|| shown(bytes)).flatten(), ..Answer::default() };
        }
        let status = bytes.get(9..12).unwrap_or_default();
        let refusal = (!status.starts_with(b"2")).then(|| shown(bytes)).flatten();
        if self.dialect == Dialect::Causeway
            && let Some(token) = token_of(bytes)
        {
            self.token.clear();
            self.token.push_str(token);
        }
        let head = head_of(bytes).unwrap_or_default();
        Answer {
            says_when: refusal.is_some() && has_header(head, b"retry-after:"),
            closes: has_header(head, b"connection: close"),
            refusal,
            token_bytes: self.token.len(),
        }
    }

    fn waits(&self) -> bool {
        self.kind == Kind::Put && self.replicas > 1
    }

    fn write_causeway(&mut self, key: u32) -> io::Result<()> {
        let Self { kind, value, token, body, request, address, replicas, .. } = self;
        body.clear();
        let method = match kind {
            Kind::Get => {
                write!(body, r#"{{"causal-metadata":"{token}"}}"#)?;
                "GET"
            }
            Kind::Put => {
                write!(body, r#"{{"value":"{value}","causal-metadata":"{token}"}}"#)?;
                "PUT"
            }
        };
        write!(request, "{method} /kvs/key-{key:09} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n", body.len())?;
        if *kind == Kind::Put && *replicas > 1 {
            write!(request, "write-concern: {replicas}\r\n")?;
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        Ok(())
    }

    fn write_etcd(&mut self, key: u32) -> io::Result<()> {
        let Self { kind, value, body, request, address, .. } = self;
        let key = BASE64.encode(format!("key-{key:09}"));
        body.clear();
        let path = match kind {
            Kind::Get => {
                write!(body, r#"{{"key":"{key}"}}"#)?;
                "range"
            }
            Kind::Put => {
                write!(body, r#"{{"key":"{key}","value":"{}"}}"#, BASE64.encode(value))?;
                "put"
            }
        };
        write!(request, "POST /v3/kv/{path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n", body.len())?;
        request.extend_from_slice(body);
        Ok(())
    }

    fn write_redis(&mut self, key: u32) -> io::Result<()> {
        let Self { kind, value, request, replicas, .. } = self;
        match kind {
            Kind::Get => write!(request, "*2\r\n$3\r\nGET\r\n$13\r\nkey-{key:09}\r\n")?,
            Kind::Put => write!(request, "*3\r\n$3\r\nSET\r\n$13\r\nkey-{key:09}\r\n${}\r\n{value}\r\n", value.len())?,
        }
        if self.kind == Kind::Put && *replicas > 1 {
            write!(request, "*3\r\n$4\r\nWAIT\r\n$1\r\n{}\r\n$4\r\n1000\r\n", *replicas - 1)?;
        }
        Ok(())
    }
}

/// Up to and with the empty line.
fn head_of(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(&bytes[..end + 4])
}

/// Whether a line begins so, which is given in small letters.
fn has_header(head: &[u8], begins: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| line.get(..begins.len()).is_some_and(|start| start.eq_ignore_ascii_case(begins)))
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = std::str::from_utf8(head).map_err(io::Error::other)?;
    let of = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(of).ok_or_else(|| io::Error::other(format!("an answer without content-length: {head}")))
}

fn token_of(bytes: &[u8]) -> Option<&str> {
    const BEFORE: &[u8] = br#""causal-metadata":""#;
    let from = bytes.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let length = bytes[from..].iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&bytes[from..from + length]).ok()
}

/// What stands after so many replies of Redis, if they are whole.
fn after_replies(mut bytes: &[u8], replies: usize) -> io::Result<Option<&[u8]>> {
    for _ in 0..replies {
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else { return Ok(None) };
        let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
        let length = match line.first() {
            Some(b'+' | b'-' | b':') => 0,
            Some(b'$') => {
                let length = std::str::from_utf8(&line[1..]).ok().and_then(|digits| digits.parse::<i64>().ok());
                // Of a value that is not there nothing follows.
                usize::try_from(length.unwrap_or(-1)).map_or(0, |length| length + 2)
            }
            _ => return Err(io::Error::other(format!("no reply of Redis: {}", String::from_utf8_lossy(line)))),
        };
        let Some(after) = rest.get(length..) else { return Ok(None) };
        bytes = after;
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(dialect: Dialect, kind: Kind, replicas: u8) -> Session {
        Session::new(dialect, kind, replicas, 3, "h:1")
    }

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 32\r\n\r\n{\"causal-metadata\":\"abcd\",\"x\":1}";
        let mut causeway = session(Dialect::Causeway, Kind::Put, 1);
        assert!((0..answer.len()).all(|end| !causeway.is_whole(&answer[..end]).unwrap()));
        assert!(causeway.is_whole(answer).unwrap());
        let read = causeway.read(answer);
        assert_eq!((read.refusal, read.token_bytes), (None, 4));
        let sent = String::from_utf8(causeway.request(7).to_vec()).unwrap();
        assert!(sent.starts_with("PUT /kvs/key-000000007 HTTP/1.1\r\n"), "{sent}");
        assert!(sent.ends_with(r#"{"value":"vvv","causal-metadata":"abcd"}"#), "{sent}");
        let refused = causeway.read(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n");
        assert!(refused.refusal.is_some() && refused.says_when && !refused.closes);
        assert!(causeway.read(b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n").closes);
        assert!(causeway.is_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "nobody knows where it ends");
    }

    #[test]
    fn redis_answers_the_write_and_the_wait() {
        let mut redis = session(Dialect::Redis, Kind::Put, 2);
        let answer = b"+OK\r\n:1\r\n";
        assert!((0..answer.len()).all(|end| !redis.is_whole(&answer[..end]).unwrap()));
        assert!(redis.is_whole(answer).unwrap());
        assert!(redis.read(answer).refusal.is_none());
        assert!(redis.read(b"+OK\r\n:0\r\n").refusal.is_some(), "no replica has it");
        assert!(redis.read(b"-MOVED 1 h:2\r\n:0\r\n").refusal.is_some());
        let get = session(Dialect::Redis, Kind::Get, 2);
        assert!(!get.is_whole(b"$3\r\nvv").unwrap());
        assert!(get.is_whole(b"$3\r\nvvv\r\n").unwrap() && get.is_whole(b"$-1\r\n").unwrap());
        assert!(get.is_whole(b"HTTP").is_ok_and(|whole| !whole) && get.is_whole(b"HTTP\r\n").is_err());
    }
}
