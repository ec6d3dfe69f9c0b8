//! The accept loop: who may connect, for how long, and how the server stops.
//!
//! A client that is slow on purpose costs a connection for a bounded time, whatever it is slow at:
//!
//! | slow at | bound |
//! | --- | --- |
//! | its handshake, where the listener speaks TLS | `head_timeout_ms`, then closed |
//! | its first request's head, or any head once begun | `head_timeout_ms`, then closed |
//! | its body | `body_timeout_ms` for the whole of it, then 408 |
//! | asking again | `idle_timeout_ms`, then closed |
//! | reading its answer | `write_timeout_ms` without a byte taken, then closed |
//!
//! The bounds on connections, overall and for one client, are for those that are many on purpose. A request whose length is given
//! in two ways is refused before hyper reads it (`framing`, `screen`).
#![expect(clippy::disallowed_methods, reason = "sockets and timers of the real world: in simulation the API is called directly")]

mod admission;
mod connection;
mod framing;
mod pace;
mod screen;
mod server;
mod settings;
mod tls;

pub use server::Server;
pub use settings::AcceptSettings;
pub use tls::ClientTls;
