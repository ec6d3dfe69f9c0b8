//! The paths that are served. Also the label by which metrics and logs name a request: it never holds a key.

use std::fmt;

/// One served path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// One key.
    Key,
    /// The key that nobody may have.
    EmptyKey,
    /// The view.
    View,
    /// All shards.
    ShardIds,
    /// The shard of the node.
    NodeShardId,
    /// Who holds a shard.
    ShardMembers,
    /// How many keys a shard holds.
    ShardKeyCount,
    /// Another member for a shard.
    AddMember,
    /// Another number of shards.
    Reshard,
    /// The reshard under way.
    ReshardUnderWay,
    /// What the node knows of itself and of the others.
    Status,
    /// The node's config log.
    ConfigLog,
    /// What only this node had when it was cut off.
    SetAside,
    /// A new generation of the config log.
    ForceRecover,
    /// A backup of the cluster, at a time.
    Backup,
    /// A part of what this node gives for it.
    BackupPart,
    /// Whether the process answers.
    Livez,
    /// Whether the node has caught up.
    Readyz,
    /// Metrics.
    Metrics,
    /// Everything else.
    Unknown,
}

impl Route {
    /// Those of the router. Keys do not go through it.
    const ROUTED: [Self; 17] = [
        Self::View,
        Self::ShardIds,
        Self::NodeShardId,
        Self::ShardMembers,
        Self::ShardKeyCount,
        Self::AddMember,
        Self::Reshard,
        Self::ReshardUnderWay,
        Self::Status,
        Self::ConfigLog,
        Self::SetAside,
        Self::ForceRecover,
        Self::Backup,
        Self::BackupPart,
        Self::Livez,
        Self::Readyz,
        Self::Metrics,
    ];

    /// As the router writes it. Of keys, which do not go through it, the label only; a raw `/` in one is an illegal key and not an
    /// unknown path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Key => "/kvs/{*key}",
            Self::EmptyKey => "/kvs/",
            Self::View => "/view",
            Self::ShardIds => "/shard/ids",
            Self::NodeShardId => "/shard/node-shard-id",
            Self::ShardMembers => "/shard/members/{shard}",
            Self::ShardKeyCount => "/shard/key-count/{shard}",
            Self::AddMember => "/shard/add-member/{shard}",
            Self::Reshard => "/shard/reshard",
            Self::ReshardUnderWay => "/admin/reshard",
            Self::Status => "/admin/status",
            Self::ConfigLog => "/admin/config-log",
            Self::SetAside => "/admin/set-aside",
            Self::ForceRecover => "/admin/force-recover",
            Self::Backup => "/admin/backup/{at}",
            Self::BackupPart => "/admin/backup/{at}/{slot}",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::Unknown => "unknown",
        }
    }

    /// The route that the router matched.
    pub fn matched(path: Option<&str>) -> Self {
        Self::ROUTED.into_iter().find(|route| path == Some(route.path())).unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}
