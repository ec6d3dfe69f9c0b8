//! Everything that a client can be told went wrong, with its status code and its text. All of it is JSON.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use thiserror::Error;

use super::{Role, json::JsonError, key::KeyError};
use crate::{
    clock::TokenError,
    error::{NoSuchShard, Refusal},
    node::NoBackup,
    runtime::control::RecoverError,
};

/// Why a request was not answered as asked. Only [`Refusal::OutcomeUnknown`] leaves open whether a write took effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpError {
    /// Nothing is served under this path.
    #[error("No such path")]
    NoSuchPath,
    /// The path does not take this method.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// The path names no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// More bytes than any legal request has.
    #[error("Body is larger than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The most that is read.
        limit_bytes: usize,
    },
    /// A value above the setting.
    #[error("Value is larger than {limit_bytes} bytes")]
    ValueTooLarge {
        /// The setting.
        limit_bytes: usize,
    },
    /// The client took too long to send its body.
    #[error("Body did not arrive in time")]
    BodyTimedOut,
    /// The body's framing is broken, or the connection.
    #[error("Body could not be read")]
    BodyBroken,
    /// The body is not the JSON object that is expected.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A put without a value.
    #[error("PUT request does not specify a value")]
    NoValue,
    /// Causal metadata of a JSON type that it never has.
    #[error("causal-metadata must be a string")]
    MetadataType,
    /// Causal metadata that this cluster did not issue.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// An idempotency key that is empty, too long, or given twice.
    #[error("Idempotency-Key must be given once and have 1 to 255 bytes")]
    IdempotencyKey,
    /// A write concern that is no number, or given twice.
    #[error("Write-Concern must be given once and be a whole number, at least 1")]
    WriteConcern,
    /// No node is named.
    #[error("socket-address is missing")]
    AddressMissing,
    /// A `socket-address` that is no string, or no address.
    #[error("socket-address must be a string IP:PORT or HOST:PORT")]
    AddressMalformed,
    /// A missing or impossible `shard-count`.
    #[error("shard-count must be a whole number, at least 1")]
    ShardCount,
    /// A shard would have a single live copy.
    #[error("Not enough nodes to provide fault tolerance with requested shard count")]
    NotEnoughNodes,
    /// Deleting a node that the config does not have.
    #[error("View has no such replica")]
    NoSuchReplica,
    /// A path with a shard ID that names no shard.
    #[error("No such shard")]
    NoSuchShard,
    /// A node that is not in the view.
    #[error("No such node in the view")]
    NoSuchNode,
    /// The node has no config log.
    #[error("Node has no config log")]
    NoConfigLog,
    /// A recovery is asked for where none is needed.
    #[error("A majority of the config log is up; nothing to recover from")]
    MajorityIsUp,
    /// A recovery that could not be made; nothing changed.
    #[error("Config log not recovered: {0}")]
    NotRecovered(#[from] RecoverError),
    /// A path under `/admin/backup` that names no time, or no slot.
    #[error("A backup needs a time in milliseconds since the Unix epoch, and its parts a slot below 16384")]
    BackupPlace,
    /// The node gives no backup.
    #[error("{}", backup_text(*.0))]
    NoBackup(#[from] NoBackup),
    /// A value that is not the JSON that was put: something is broken here.
    #[error("A value is not JSON")]
    ValueBroken,
    /// A request without a token, or with two.
    #[error("A token is needed: Authorization: Bearer <token>")]
    TokenMissing,
    /// A token that is nobody's.
    #[error("Token is not known")]
    TokenUnknown,
    /// A token whose role may not do this.
    #[error("Role {0} is needed")]
    RoleTooLow(Role),
    /// A change of the cluster, asked for where clients come in.
    #[error("Only the admin listener takes this")]
    WrongDoor,
    /// A node's certificate is right for that node's own place in the view alone.
    #[error("A node's certificate adds that node alone")]
    NotItself,
    /// The node lost its disk and has not caught up.
    #[error("Node has not caught up")]
    NotReady,
    /// The node refused.
    #[error("{}", refusal_text(*.0))]
    Refused(#[from] Refusal),
}

/// Why a request that was legal was not done; goes with the answer, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause(pub &'static str);

impl HttpError {
    /// The status code that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath | Self::NoSuchReplica | Self::NoSuchShard | Self::NoSuchNode | Self::NoConfigLog => {
                StatusCode::NOT_FOUND
            }
            Self::ValueBroken => StatusCode::INTERNAL_SERVER_ERROR,
            Self::MajorityIsUp => StatusCode::CONFLICT,
            Self::TokenMissing | Self::TokenUnknown => StatusCode::UNAUTHORIZED,
            Self::RoleTooLow(_) | Self::WrongDoor | Self::NotItself => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } | Self::ValueTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::NotReady | Self::NotRecovered(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(refusal) => refusal_status(*refusal),
            Self::NoBackup(why) => backup_status(*why),
            Self::Key(_)
            | Self::BodyBroken
            | Self::Json(_)
            | Self::NoValue
            | Self::MetadataType
            | Self::Token(_)
            | Self::IdempotencyKey
            | Self::WriteConcern
            | Self::BackupPlace
            | Self::AddressMissing
            | Self::AddressMalformed
            | Self::ShardCount
            | Self::NotEnoughNodes => StatusCode::BAD_REQUEST,
        }
    }

    fn cause(&self) -> Option<Cause> {
        let name = match self {
            Self::NotReady => "not_ready",
            Self::TokenMissing => "token_missing",
            Self::TokenUnknown => "token_unknown",
            Self::RoleTooLow(_) | Self::WrongDoor | Self::NotItself => "forbidden",
            Self::Refused(refusal) => refusal_name(*refusal),
            _ => return None,
        };
        Some(Cause(name))
    }

    /// What a client must show, as RFC 6750 says it.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::TokenMissing => Some("Bearer realm=\"causeway\""),
            Self::TokenUnknown => Some("Bearer realm=\"causeway\", error=\"invalid_token\""),
            Self::RoleTooLow(_) => Some("Bearer realm=\"causeway\", error=\"insufficient_scope\""),
            _ => None,
        }
    }

    /// Whether the same request may succeed in a second without anything being done about it.
    fn passes_soon(&self) -> bool {
        use Refusal::{NoWriter, Overloaded, Starting, Stopping};
        matches!(
            self,
            Self::NotReady
                | Self::NoBackup(NoBackup::TooEarly(_) | NoBackup::Unsettled)
                | Self::Refused(Starting | NoWriter | Overloaded | Stopping)
        )
    }
}

impl From<NoSuchShard> for HttpError {
    fn from(_: NoSuchShard) -> Self {
        Self::NoSuchShard
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.to_string() });
        let mut response = (self.status(), axum::Json(body)).into_response();
        if self.passes_soon() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(cause) = self.cause() {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

fn refusal_status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::NotSatisfied
        | Refusal::CannotForward
        | Refusal::Starting
        | Refusal::NoWriter
        | Refusal::Overloaded
        | Refusal::LastReplica
        | Refusal::NoMajority
        | Refusal::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::OutcomeUnknown => StatusCode::GATEWAY_TIMEOUT,
        Refusal::DiskFull | Refusal::MemoryFull => StatusCode::INSUFFICIENT_STORAGE,
        Refusal::OperationReused => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::WriteConcernTooLarge | Refusal::NotEnoughNodes => StatusCode::BAD_REQUEST,
        Refusal::NoSuchShard | Refusal::NoSuchNode | Refusal::NoReshard => StatusCode::NOT_FOUND,
        Refusal::HandedOver | Refusal::Overruled => StatusCode::CONFLICT,
    }
}

/// The texts of the course dialect where it fixes one.
fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotSatisfied => "Causal dependencies not satisfied; try again later",
        Refusal::CannotForward => "Cannot forward request",
        Refusal::OutcomeUnknown => "Outcome unknown",
        Refusal::DiskFull => "Disk full",
        Refusal::MemoryFull => "Memory full",
        Refusal::OperationReused => "Idempotency-Key was used for another request",
        Refusal::Starting => "Node is starting",
        Refusal::NoWriter => "No member of the shard takes writes",
        Refusal::Overloaded => "Too many requests at once",
        Refusal::WriteConcernTooLarge => "Write-Concern is above the number of the shard's members",
        Refusal::NoSuchShard => "No such shard",
        Refusal::NoSuchNode => "No such node in the view",
        Refusal::NotEnoughNodes => "Not enough nodes to provide fault tolerance with requested shard count",
        Refusal::LastReplica => "The node holds the last replica of its shard",
        Refusal::NoMajority => "No majority of the config log answers",
        Refusal::Stopping => "Node is stopping",
        Refusal::NoReshard => "No reshard is under way",
        Refusal::HandedOver => "Too late to abort: no slot is left to be handed over, and the reshard goes on to its end",
        Refusal::Overruled => "The reshard was aborted, or another one followed it",
    }
}

fn backup_status(why: NoBackup) -> StatusCode {
    match why {
        NoBackup::Late | NoBackup::Busy(_) => StatusCode::CONFLICT,
        NoBackup::Unsettled | NoBackup::TooEarly(_) => StatusCode::SERVICE_UNAVAILABLE,
        NoBackup::Unknown => StatusCode::NOT_FOUND,
    }
}

fn backup_text(why: NoBackup) -> String {
    match why {
        NoBackup::Late => "The time is not ahead of the node's clock; a later one will do".to_owned(),
        NoBackup::Busy(at) => format!("Another backup is under way, of {}", at.millis()),
        NoBackup::Unsettled => "Slots move or the node has not caught up; try again later".to_owned(),
        NoBackup::Unknown => "No such backup: none was begun at this time, or it has ended".to_owned(),
        NoBackup::TooEarly(None) => "Writes up to this time may still come".to_owned(),
        NoBackup::TooEarly(Some(node)) => format!("Writes up to this time may still come; {node} holds the stable time back"),
    }
}

/// As a label of a metric.
fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotSatisfied => "not_satisfied",
        Refusal::CannotForward => "cannot_forward",
        Refusal::OutcomeUnknown => "outcome_unknown",
        Refusal::DiskFull => "disk_full",
        Refusal::MemoryFull => "memory_full",
        Refusal::OperationReused => "operation_reused",
        Refusal::Starting => "starting",
        Refusal::NoWriter => "no_writer",
        Refusal::Overloaded => "overloaded",
        Refusal::WriteConcernTooLarge => "write_concern_too_large",
        Refusal::NoSuchShard => "no_such_shard",
        Refusal::NoSuchNode => "no_such_node",
        Refusal::NotEnoughNodes => "not_enough_nodes",
        Refusal::LastReplica => "last_replica",
        Refusal::NoMajority => "no_majority",
        Refusal::Stopping => "stopping",
        Refusal::NoReshard => "no_reshard",
        Refusal::HandedOver => "handed_over",
        Refusal::Overruled => "overruled",
    }
}
