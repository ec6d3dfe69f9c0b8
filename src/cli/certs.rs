//! `causeway certs`: a folder with all that a secure cluster needs, for tests and first tries: an authority, a certificate and a key for
//! each node, token keys, and clients' tokens with the file of their hashes. What is there already stays, so that the same command
//! makes certificates for further nodes, also after what was made was cut short.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};
use thiserror::Error;

use super::{
    CliError,
    access::AccessError,
    client_tokens::{parse_client_tokens, token_line},
    say,
    token_keys::parse_token_keys,
};
use crate::{
    http::{Access, Role},
    tls::{Authority, AuthorityError, Roots, TlsFiles, Validity},
};

const TOKEN_BYTES: usize = 32;
const TOKEN_KEY_BYTES: usize = 16;
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// Why not all was made. What was made stays.
#[derive(Debug, Error)]
pub enum CertsError {
    /// A file or the folder.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that is there holds something else.
    #[error("{}: {what}", path.display())]
    Unfit {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A node's address, or a host.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// `causeway certs`.
#[derive(Debug, clap::Args)]
pub struct CertsArgs {
    /// Folder of all files, each for its owner's eyes alone. What is there is used again
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// `HOST:PORT` of a node, its socket address
    #[arg(long = "node", value_name = "ADDRESS", required = true, num_args = 1..)]
    nodes: Vec<String>,
    /// Further host by which clients reach the nodes
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// For how many days the certificates hold
    #[arg(long, value_name = "N", default_value_t = 365)]
    days: u16,
}

impl CertsArgs {
    /// Prints what to give to which node.
    pub(super) fn run(self) -> Result<u8, CliError> {
        let folder = SecureFolder::at(self.folder);
        folder.make(&self.nodes, &self.hosts, Validity::days(SystemTime::now(), self.days))?;
        let mut text = String::new();
        for node in &self.nodes {
            // A `String` takes whatever is written to it.
            let _ = writeln!(text, "{node}");
            for (setting, path) in folder.settings(node) {
                let _ = writeln!(text, "  {setting}={}", path.display());
            }
        }
        for role in Role::ALL {
            let _ = writeln!(text, "token of role {role}: {}", folder.token(role).display());
        }
        say(&text).map(|()| 0)
    }
}

/// A folder made by this command.
#[derive(Debug, Clone)]
pub struct SecureFolder(PathBuf);

impl SecureFolder {
    /// The one at this path, which need not be there yet.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The settings of a node that name its files.
    pub fn settings(&self, node: &str) -> [(&'static str, PathBuf); 5] {
        let TlsFiles { authority, certificate, key } = self.tls_files(node);
        [
            ("TLS_CA_FILE", authority),
            ("TLS_CERT_FILE", certificate),
            ("TLS_KEY_FILE", key),
            ("CLIENT_TOKENS_FILE", self.0.join("client-tokens")),
            ("TOKEN_KEY_FILE", self.0.join("token-keys")),
        ]
    }

    /// A node's certificate and key. A colon in a name would end it in lists of paths.
    pub fn tls_files(&self, node: &str) -> TlsFiles {
        let name = node.replace(':', "-").replace(['[', ']'], "");
        TlsFiles {
            authority: self.authority(),
            certificate: self.0.join(format!("{name}.pem")),
            key: self.0.join(format!("{name}.key")),
        }
    }

    /// The authority's certificate, which clients believe in.
    pub fn authority(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The token of a client with this role.
    pub fn token(&self, role: Role) -> PathBuf {
        self.0.join(format!("{role}.token"))
    }

    /// How a client with this role enters.
    ///
    /// # Errors
    /// The files are not there, or hold something else.
    pub fn access(&self, role: Role) -> Result<Access, AccessError> {
        let access = Access::within_tls(Roots::load(&self.authority())?.client()?);
        let path = self.token(role);
        let token = fs::read_to_string(&path).map_err(|source| AccessError::TokenFile { path, source })?;
        Ok(access.with_token(token.trim())?)
    }

    /// Makes what is not there yet, for these nodes.
    ///
    /// # Errors
    /// [`CertsError`].
    pub fn make(&self, nodes: &[String], hosts: &[String], validity: Validity) -> Result<(), CertsError> {
        let folder = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(&self.0);
        folder.map_err(|source| CertsError::File { path: self.0.clone(), source })?;
        let authority = self.make_authority(validity)?;
        for node in nodes {
            let files = self.tls_files(node);
            if read(&files.certificate)?.is_none() || read(&files.key)?.is_none() {
                let issued = authority.issue(node, hosts)?;
                write(&files.key, &issued.key_pem)?;
                write(&files.certificate, &issued.certificate_pem)?;
            }
        }
        self.make_token_keys()?;
        self.make_tokens()
    }

    fn make_authority(&self, validity: Validity) -> Result<Authority, CertsError> {
        let path = self.0.join("ca.key");
        let authority = match read(&path)? {
            Some(key) => Authority::again(&key, validity).map_err(|error| unfit(&path, error))?,
            None => {
                let authority = Authority::new(validity)?;
                write(&path, &authority.key_pem())?;
                authority
            }
        };
        if read(&self.authority())?.is_none() {
            write(&self.authority(), &authority.certificate_pem()?)?;
        }
        Ok(authority)
    }

    fn make_token_keys(&self) -> Result<(), CertsError> {
        let path = self.0.join("token-keys");
        match read(&path)? {
            Some(text) => parse_token_keys(&text).map(drop).map_err(|error| unfit(&path, error)),
            None => {
                let hex: String = drawn::<TOKEN_KEY_BYTES>().iter().map(|byte| format!("{byte:02x}")).collect();
                write(&path, &format!("1:{hex}\n"))
            }
        }
    }

    fn make_tokens(&self) -> Result<(), CertsError> {
        let path = self.0.join("client-tokens");
        if let Some(text) = read(&path)? {
            return parse_client_tokens(&text).map(drop).map_err(|error| unfit(&path, error));
        }
        let mut lines = String::new();
        for role in Role::ALL {
            let token = URL_SAFE_NO_PAD.encode(drawn::<TOKEN_BYTES>());
            write(&self.token(role), &format!("{token}\n"))?;
            lines.push_str(&token_line(role, &token));
        }
        write(&path, &lines)
    }
}

fn drawn<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

/// A file's text; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, CertsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CertsError::File { path: path.to_owned(), source }),
    }
}

/// Writes a file for its owner alone. A crash leaves all of it or nothing.
fn write(path: &Path, text: &str) -> Result<(), CertsError> {
    let beside = path.with_extension("new");
    let removed = match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    removed
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(&beside))
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| CertsError::File { path: path.to_owned(), source })
}

fn unfit(path: &Path, what: impl ToString) -> CertsError {
    CertsError::Unfit { path: path.to_owned(), what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::tls::Credentials;

    fn files(folder: &Path) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect();
        files.sort();
        files
    }

    #[test]
    fn a_folder_holds_all_that_a_node_needs_and_is_added_to() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("deep/secure");
        let secure = SecureFolder::at(path.clone());
        let first = "10.0.0.1:8090".to_owned();
        secure.make(std::slice::from_ref(&first), &[], Validity::long()).expect("made");
        let before = files(&path);
        for (path, _) in &before {
            let mode = fs::metadata(path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, PRIVATE_FILE, "{}", path.display());
        }
        let second = "[::1]:8091".to_owned();
        secure.make(&[first.clone(), second.clone()], &[], Validity::long()).expect("made");
        let after = files(&path);
        assert!(before.iter().all(|file| after.contains(file)), "what is there stays");
        assert_eq!(after.len(), before.len() + 2);
        for node in [first, second] {
            Credentials::load(&secure.tls_files(&node)).expect("files that fit").speak_for(&node).expect("its own name");
        }
        for role in Role::ALL {
            secure.access(role).expect("a token");
        }
    }

    #[test]
    fn a_file_that_is_something_else_is_told_and_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let secure = SecureFolder::at(folder.path().to_owned());
        for name in ["ca.key", "token-keys", "client-tokens"] {
            let path = folder.path().join(name);
            fs::write(&path, "s3cret").expect("writable");
            let error = secure.make(&["a:1".to_owned()], &[], Validity::long()).expect_err("no key").to_string();
            assert!(error.contains(name) && !error.contains("s3cret"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("still there"), "s3cret");
            fs::remove_file(&path).expect("still there");
        }
    }
}
