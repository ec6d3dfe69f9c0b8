//! What operators ask of the cluster, as data: who is asked for which change of the config, and when.

use std::fmt;

use axum::http::Method;
use causeway::id::NodeId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request of an operator, as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When it is made, in milliseconds after the warm-up.
    pub at_ms: u64,
    /// Who is asked.
    pub node: NodeId,
    /// For what.
    #[serde(flatten)]
    pub wish: Wish,
}

/// What an operator wants. Nodes are named by their addresses' numbers: those of the plan first, then the spare ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wish {
    /// So many shards.
    Reshard {
        /// How many.
        shards: u16,
    },
    /// The end of the reshard under way.
    AbortReshard,
    /// A node into the view. A spare one is started once that is so.
    AddNode {
        /// Whose address.
        address: u16,
    },
    /// A node out of the view.
    RemoveNode {
        /// Whose address.
        address: u16,
    },
    /// A node into a shard.
    AddMember {
        /// Whose address.
        address: u16,
        /// Which shard.
        shard: u16,
    },
    /// A backup of the whole cluster.
    Backup,
}

impl Wish {
    /// The request that asks for it, with a node's address for its number; none for what takes more than one.
    pub fn asked(&self, address_of: impl Fn(u16) -> String) -> Option<(Method, String, Value)> {
        let named = |number: &u16| json!({ "socket-address": address_of(*number) });
        Some(match self {
            Self::Reshard { shards } => (Method::PUT, "/shard/reshard".to_owned(), json!({ "shard-count": shards })),
            Self::AbortReshard => (Method::DELETE, "/admin/reshard".to_owned(), Value::Null),
            Self::AddNode { address } => (Method::PUT, "/view".to_owned(), named(address)),
            Self::RemoveNode { address } => (Method::DELETE, "/view".to_owned(), named(address)),
            Self::AddMember { address, shard } => (Method::PUT, format!("/shard/add-member/s{shard}"), named(address)),
            Self::Backup => return None,
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms: _, node, wish } = self;
        write!(f, "at {node}: {wish}")
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reshard { shards } => write!(f, "reshard to {shards}"),
            Self::AbortReshard => f.write_str("abort the reshard"),
            Self::AddNode { address } => write!(f, "add node {address}"),
            Self::RemoveNode { address } => write!(f, "remove node {address}"),
            Self::Backup => f.write_str("take a backup"),
            Self::AddMember { address, shard } => write!(f, "add node {address} to s{shard}"),
        }
    }
}
