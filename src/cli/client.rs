//! `causeway get`, `put` and `delete`: one request to one node, in a session that goes on from command to command.
//!
//! Exit codes: 0 done, 1 the key does not exist, 3 not done (trying again is safe), 4 outcome unknown (it may have been done, or be
//! done later). 2 is a wrong command line.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::{
    CliError,
    access::{AccessArgs, AccessError},
    say,
    session::{Session, SessionArgs},
};
use crate::http::{Access, Client, Outgoing, key_path};

/// The key does not exist.
pub const EXIT_ABSENT: u8 = 1;
/// Not done, and it will not be.
pub const EXIT_FAILED: u8 = 3;
/// It may have been done, or be done later.
pub const EXIT_UNKNOWN: u8 = 4;

/// Which node to ask.
#[derive(Debug, Clone, clap::Args)]
pub struct NodeArgs {
    /// `HOST:PORT` of any node of the cluster
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub(super) node: String,
    /// How long to wait for its answer
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    pub(super) deadline_ms: u64,
    #[command(flatten)]
    access: AccessArgs,
}

impl NodeArgs {
    /// A client of the node.
    pub(super) fn client(&self) -> Result<Client, AccessError> {
        Ok(Client::entering(self.node.as_str(), self.access.open_named()?))
    }

    /// A client of another node of its cluster.
    pub(super) fn client_of(&self, address: &str) -> Result<Client, AccessError> {
        Ok(Client::entering(address, self.access()?))
    }

    /// How the other nodes of its cluster are entered.
    pub(super) fn access(&self) -> Result<Access, AccessError> {
        self.access.open()
    }
}

/// `causeway get`.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// Which key
    key: String,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    session: SessionArgs,
}

/// `causeway put`.
#[derive(Debug, clap::Args)]
pub struct Put {
    /// Which key
    key: String,
    /// Its value: JSON, or else text
    #[arg(allow_negative_numbers = true)]
    value: String,
    /// How to read the value
    #[arg(long, value_enum, default_value_t = ValueForm::Auto)]
    form: ValueForm,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    session: SessionArgs,
}

/// How `put` reads its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ValueForm {
    /// As JSON where it is JSON, as text otherwise
    Auto,
    /// As text, whatever it looks like
    Text,
}

/// `causeway delete`.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Which key
    key: String,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    session: SessionArgs,
}

impl Get {
    /// Prints the value as JSON.
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let request = KeyRequest { method: Method::GET, key: &self.key, value: None };
        request.run(&self.node, &self.session.open()).await
    }
}

impl Put {
    /// Prints `created` or `replaced`.
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let json = match self.form {
            ValueForm::Auto => serde_json::from_str(&self.value).ok(),
            ValueForm::Text => None,
        };
        let value = Some(json.unwrap_or(Value::String(self.value)));
        let request = KeyRequest { method: Method::PUT, key: &self.key, value };
        request.run(&self.node, &self.session.open()).await
    }
}

impl Delete {
    /// Prints `deleted`.
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let request = KeyRequest { method: Method::DELETE, key: &self.key, value: None };
        request.run(&self.node, &self.session.open()).await
    }
}

struct KeyRequest<'a> {
    method: Method,
    key: &'a str,
    value: Option<Value>,
}

impl KeyRequest<'_> {
    async fn run(self, node: &NodeArgs, session: &Session) -> Result<u8, CliError> {
        let mut body = json!({ "causal-metadata": session.token()? });
        if let Some(value) = self.value {
            body["value"] = value;
        }
        let request = Outgoing::new(self.method, key_path(self.key)).json(&body);
        let deadline = Duration::from_millis(node.deadline_ms);
        let (status, answer) = node.client()?.send(request, deadline).await?;
        if let Some(token) = answer["causal-metadata"].as_str() {
            session.remember(token)?;
        }
        match status {
            200 | 201 => {
                let shown =
                    answer.get("value").map_or_else(|| answer["result"].as_str().unwrap_or("done").to_owned(), Value::to_string);
                say(&format!("{shown}\n")).map(|()| 0)
            }
            _ => {
                let code = say_why_not(status, &answer);
                if code == EXIT_FAILED && session.token()?.is_some() {
                    eprintln!(
                        "the session goes on from {}; remove it to begin anew, as with another cluster",
                        session.path().display()
                    );
                }
                Ok(code)
            }
        }
    }
}

/// Says why a request was not done; the exit code.
pub(super) fn say_why_not(status: u16, answer: &Value) -> u8 {
    let error = answer["error"].as_str().unwrap_or("no reason given");
    let code = match status {
        404 => EXIT_ABSENT,
        504 => EXIT_UNKNOWN,
        _ => EXIT_FAILED,
    };
    if code == EXIT_FAILED {
        eprintln!("{status}: {error}")
    } else {
        eprintln!("{error}")
    }
    code
}
