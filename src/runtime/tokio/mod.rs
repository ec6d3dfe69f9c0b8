//! Production: peers over TCP, the machine's clocks, randomness and disk.
//!
//! ```text
//!            send                                        receive
//!             |                                             ^
//!   queue of each peer                                    inbox          bounded, both
//!             |                                             ^
//!   link: connect, hello, batches of frames   listen: judge the hello, read frames
//!             |                                             ^
//!             +----------- TCP, TLS where it is set ------->+            one direction a connection
//! ```
//!
//! Architecture invariant: a frame that was handed to a link which then broke never arrives after the node was told of the break.

#![expect(clippy::disallowed_methods, reason = "this is the real world: its clocks, threads and timers are real")]

mod disk;
mod env;
mod frame;
mod greet;
mod hello;
mod inbox;
mod link;
mod listen;
mod peer_address;
mod peers;
mod queue;
mod read;
mod socket;
mod stats;
mod stream;
mod tls;

pub use disk::{FolderDisk, FolderError, FolderFile};
pub use env::TokioEnv;
pub use frame::{FRAME_VERSION, FrameDecoder, FrameError, HEADER_BYTES, PAYLOAD_BYTES_CAP, encode_frame};
pub use greet::{Called, GreetError, who_belongs};
pub use hello::{Greeting, HELLO_BYTES_CAP, Hello, Introduction, Refused, Verdict, judge};
pub use inbox::InboxBounds;
pub use peer_address::peer_address;
pub use peers::{LinkSettings, PeerOptions, Peers};
pub use queue::QueueBounds;
pub use stats::{Count, LinkStats};
pub use tls::PeerTls;
