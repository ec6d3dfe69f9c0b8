//! HTTP: the course dialect, health and metrics, the accept loop, and a small client. The only room that names axum.

mod client;
mod key;

pub use client::{Client, ClientError, Outgoing};
pub use key::{KEY_PREFIX, KeyError, decode_key, key_path};
