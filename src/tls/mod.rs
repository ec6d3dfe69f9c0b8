//! Who a node is to others, and whom it believes: certificates, keys, and the rule by which a certificate names a node.
//!
//! Both ends of a link between nodes show a certificate that the cluster's authority has signed, and each is held to the address
//! that it claims: a certificate must name the address's host, and where it has names of the form `causeway://HOST:PORT` it speaks
//! for those nodes alone. One without such names, as other authorities issue them, speaks for every node on its hosts.
//!
//! Only TLS 1.3 is spoken. Nothing here moves bytes: the handshakes are in `runtime/tokio` and in `http`.

mod authority;
mod credentials;
mod name;

pub use authority::{Authority, AuthorityError, Issued, Validity};
pub use credentials::{Credentials, Roots, TlsError, TlsFiles};
pub use name::{NODE_SCHEME, NotNamed, host, host_of, names};
