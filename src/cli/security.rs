//! From settings to who may enter. With none of the settings everybody may; with any one of them everything is asked for, since half a
//! lock is none.

use std::{fs, io, path::PathBuf, sync::Arc};

use thiserror::Error;

use super::{
    client_tokens::{TokenFileError, parse_client_tokens},
    settings::Settings,
};
use crate::{
    http::{Access, ClientTls, ClientTokens, Door, Guard},
    placement::{AddressError, split_address},
    runtime::tokio::PeerTls,
    tls::{Credentials, NotNamed, TlsError, TlsFiles},
};

/// How far the port for operators is from the clients'.
const ADMIN_PORT_OFFSET: u16 = 20_000;
/// Above this port the offset is subtracted.
const PORT_LIMIT: u16 = 45_535;

/// Why a node cannot be started securely. Each of these ends the process with exit code 2.
#[derive(Debug, Error)]
pub enum SecurityError {
    /// Some of what is needed is not set.
    #[error("{by} asks for security, which also needs {}; `causeway certs` makes all of it for a first try", missing.join(", "))]
    Missing {
        /// A setting that turns security on.
        by: &'static str,
        /// What is not set.
        missing: Vec<&'static str>,
    },
    /// Certificates or key.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// Other nodes would not believe this one.
    #[error("TLS_CERT_FILE: {0}, which is this node's SOCKET_ADDRESS")]
    NotNamed(#[from] NotNamed),
    /// The file of tokens cannot be read.
    #[error("CLIENT_TOKENS_FILE {}: {source}", path.display())]
    TokensFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of tokens holds something else.
    #[error("CLIENT_TOKENS_FILE {}: {source}", path.display())]
    BadTokensFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: TokenFileError,
    },
    /// No place for operators.
    #[error("ADMIN_LISTEN: {0}")]
    BadAdminListen(AddressError),
}

/// What a secure node starts with.
#[derive(Debug)]
pub struct Security {
    /// Proves the node to its peers.
    pub peers: PeerTls,
    /// Proves the node to clients and operators.
    pub clients: ClientTls,
    /// How the node itself enters other nodes over HTTP.
    pub access: Access,
    /// Whose requests are taken.
    pub tokens: Arc<ClientTokens>,
    /// Where to listen for operators.
    pub admin_listen: String,
}

impl Security {
    /// What follows from settings; `None` where everybody may enter.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &Settings, address: &str, client_listen: &str) -> Result<Option<Self>, SecurityError> {
        let Some(by) = turned_on(settings) else { return Ok(None) };
        let files = [
            ("TLS_CA_FILE", &settings.tls_ca_file),
            ("TLS_CERT_FILE", &settings.tls_cert_file),
            ("TLS_KEY_FILE", &settings.tls_key_file),
            ("CLIENT_TOKENS_FILE", &settings.client_tokens_file),
            ("TOKEN_KEY_FILE", &settings.token_key_file),
        ];
        let [Some(authority), Some(certificate), Some(key), Some(tokens), Some(_)] = files.map(|(_, file)| file.clone()) else {
            let missing = files.into_iter().filter(|(_, file)| file.is_none()).map(|(name, _)| name).collect();
            return Err(SecurityError::Missing { by, missing });
        };
        let credentials = Credentials::load(&TlsFiles { authority, certificate, key })?;
        credentials.speak_for(address)?;
        Ok(Some(Self {
            peers: PeerTls::new(&credentials)?,
            clients: ClientTls::new(&credentials)?,
            access: Access::within_tls(credentials.http_client()?),
            tokens: Arc::new(read_tokens(tokens)?),
            admin_listen: admin_listen(settings, client_listen)?,
        }))
    }

    /// What is asked of whoever comes in by a listener.
    pub(super) fn guard(&self, door: Door) -> Guard {
        Guard { tokens: self.tokens.clone(), door }
    }
}

/// The setting that turns security on.
fn turned_on(settings: &Settings) -> Option<&'static str> {
    let given = [
        ("--secure", settings.secure),
        ("TLS_CA_FILE", settings.tls_ca_file.is_some()),
        ("TLS_CERT_FILE", settings.tls_cert_file.is_some()),
        ("TLS_KEY_FILE", settings.tls_key_file.is_some()),
        ("CLIENT_TOKENS_FILE", settings.client_tokens_file.is_some()),
        ("ADMIN_LISTEN", settings.admin_listen.is_some()),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
}

fn read_tokens(path: PathBuf) -> Result<ClientTokens, SecurityError> {
    match fs::read_to_string(&path) {
        Ok(text) => parse_client_tokens(&text).map_err(|source| SecurityError::BadTokensFile { path, source }),
        Err(source) => Err(SecurityError::TokensFile { path, source }),
    }
}

fn admin_listen(settings: &Settings, client_listen: &str) -> Result<String, SecurityError> {
    let address = match &settings.admin_listen {
        Some(given) => Ok(given.clone()),
        None => admin_address(client_listen),
    };
    let address = address.map_err(SecurityError::BadAdminListen)?;
    split_address(&address).map_err(SecurityError::BadAdminListen)?;
    Ok(address)
}

/// Where operators are listened for unless it is said otherwise: on this machine alone, 20000 ports above the clients', or below
/// where there are none.
///
/// # Errors
/// What is wrong with the clients' address.
pub(super) fn admin_address(client_listen: &str) -> Result<String, AddressError> {
    let (_, port) = split_address(client_listen)?;
    let port = if port <= PORT_LIMIT { port + ADMIN_PORT_OFFSET } else { port - ADMIN_PORT_OFFSET };
    Ok(format!("127.0.0.1:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_listened_for_on_this_machine() {
        assert_eq!(admin_address("10.0.0.1:8090").as_deref(), Ok("127.0.0.1:28090"));
        assert_eq!(admin_address("[::]:45535").as_deref(), Ok("127.0.0.1:65535"));
        assert_eq!(admin_address("node:45536").as_deref(), Ok("127.0.0.1:25536"));
    }
}
