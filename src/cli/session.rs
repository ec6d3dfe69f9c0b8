//! A session over several commands: the causal token of the last answer, kept in a file and sent with the next request, to whichever
//! node that goes.

use std::{
    env, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// The session file cannot be used.
#[derive(Debug, Error)]
#[error("session file {}: {source}", path.display())]
pub struct SessionError {
    path: PathBuf,
    source: io::Error,
}

/// Where a session's token is kept.
#[derive(Debug, Clone, clap::Args)]
pub struct SessionArgs {
    /// File that keeps what this session has seen; `causeway/session` in the user's state folder if not given
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
}

/// One session's file.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
}

impl SessionArgs {
    /// The session that is meant.
    pub fn open(&self) -> Session {
        Session::at(self.session.clone().unwrap_or_else(default_path))
    }
}

impl Session {
    /// The session kept in this file, which need not be there yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token of its last answer; `None` for a new session.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn token(&self) -> Result<Option<String>, SessionError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Remembers a token. A crash leaves the old one or the new one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self, token: &str) -> Result<(), SessionError> {
        let beside = self.path.with_extension(format!("{}.new", std::process::id()));
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&beside, format!("{token}\n")))
            .and_then(|()| fs::rename(&beside, &self.path))
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> SessionError {
        SessionError { path: self.path.clone(), source }
    }
}

/// `$XDG_STATE_HOME`, else `~/.local/state`, else the current folder.
fn default_path() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    state.map_or_else(|| PathBuf::from(".causeway-session"), |state| state.join("causeway/session"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_remembers_its_last_token() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let session = Session::at(folder.path().join("deep/session"));
        assert_eq!(session.token().expect("no file is a new session"), None);
        session.remember("first").expect("writable");
        session.remember("second").expect("writable");
        assert_eq!(session.token().expect("readable").as_deref(), Some("second"));
        assert_eq!(fs::read_dir(folder.path().join("deep")).expect("readable").count(), 1, "nothing is left beside it");
    }
}
