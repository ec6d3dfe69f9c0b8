//! How commands enter a cluster that is secure: by its authority and a token, from flags or the environment.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use thiserror::Error;

use crate::{
    http::{Access, BadToken},
    tls::{Roots, TlsError, host},
};

/// Why a cluster cannot be entered.
#[derive(Debug, Error)]
pub enum AccessError {
    /// The authority's file.
    #[error("--ca {0}")]
    Authority(#[from] TlsError),
    /// The token's file cannot be read.
    #[error("--token-file {}: {source}", path.display())]
    TokenFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The token's file holds something else.
    #[error("--token-file: {0}")]
    BadToken(#[from] BadToken),
    /// A token would be sent in clear.
    #[error("--token-file needs --ca: a token is not sent in clear")]
    TokenInClear,
    /// A name that is no host's.
    #[error("--tls-name: {0:?} is no host")]
    BadName(String),
}

/// Flags of all commands that ask nodes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AccessArgs {
    /// Certificates in PEM of the authority of a secure cluster: the cluster is asked within TLS
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CA_FILE")]
    ca: Option<PathBuf>,
    /// File that holds a client's token
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Host that the certificate of the asked node names, if that is not the host of --node
    #[arg(long, value_name = "HOST", requires = "ca")]
    tls_name: Option<String>,
    /// What came of the files: each is read once, since it may be a pipe.
    #[arg(skip)]
    opened: OnceLock<Access>,
}

impl AccessArgs {
    /// For nodes that are reached at the hosts that their certificates name.
    pub(super) fn open(&self) -> Result<Access, AccessError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.clone());
        }
        let access = self.read()?;
        Ok(self.opened.get_or_init(|| access).clone())
    }

    /// For the one node that is asked.
    pub(super) fn open_named(&self) -> Result<Access, AccessError> {
        let access = self.open()?;
        let Some(name) = &self.tls_name else { return Ok(access) };
        Ok(access.named(host(name).ok_or_else(|| AccessError::BadName(name.clone()))?))
    }

    fn read(&self) -> Result<Access, AccessError> {
        let access = match &self.ca {
            Some(ca) => Access::within_tls(Roots::load(ca)?.client()?),
            None if self.token_file.is_some() => return Err(AccessError::TokenInClear),
            None => Access::default(),
        };
        match &self.token_file {
            Some(path) => Ok(access.with_token(&read_token(path)?)?),
            None => Ok(access),
        }
    }
}

fn read_token(path: &Path) -> Result<String, AccessError> {
    let text = fs::read_to_string(path).map_err(|source| AccessError::TokenFile { path: path.to_owned(), source })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::certs::SecureFolder, http::Role, tls::Validity};

    #[test]
    fn files_are_read_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let secure = SecureFolder::at(folder.path().to_owned());
        secure.make(&["a:1".to_owned()], &[], Validity::long()).expect("made");
        let token_file = secure.token(Role::Read);
        let args = AccessArgs { ca: Some(secure.authority()), token_file: Some(token_file.clone()), ..AccessArgs::default() };
        args.open_named().expect("files that are there");
        fs::remove_file(token_file).expect("still there");
        args.open().expect("what was read before");
    }
}
