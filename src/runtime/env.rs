//! All that a node may touch of the world: time, randomness, peers, disk, tasks. Two worlds implement it, tokio and the simulator,
//! and one conformance suite holds both to it.

use std::{future::Future, io, sync::Arc};

use bytes::Bytes;

use crate::{
    id::NodeId,
    node::{Event, Now},
    placement::Config,
};

/// What comes in from peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A frame, whole and with the right checksum.
    Frame {
        /// Who sent it.
        from: NodeId,
        /// An encoded [`Frame`](crate::message::Frame).
        bytes: Bytes,
    },
    /// The link to a peer broke; frames on their way may be lost.
    LinkDown(NodeId),
}

/// Whether a frame left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Handed to the link: it may arrive or be lost.
    Handed,
    /// It certainly never left: no connection, or a full queue.
    Not,
}

/// One incarnation of one node in some world.
pub trait Env: Clone + Send + Sync + 'static {
    /// The node's storage.
    type Disk: Disk;

    /// The time now, by the node's own clocks.
    fn now(&self) -> Now;

    /// Waits until the monotonic clock shows this many microseconds, or returns at once if it does already.
    fn sleep_until(&self, monotonic_us: u64) -> impl Future<Output = ()> + Send;

    /// A random number, for seeding the node's own streams.
    fn random(&self) -> u64;

    /// Runs a task beside the caller. It ends with the incarnation.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs a task that calls the disk, whose calls may block its thread.
    fn spawn_disk(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Hands a frame to the link to a peer. Never waits.
    fn send(&self, to: NodeId, frame: Bytes) -> Sent;

    /// The next thing that comes in. Cancel-safe.
    fn receive(&self) -> impl Future<Output = Incoming> + Send;

    /// The node works by this config from now on: its members are whom to reach and whom to hear. A world whose links are all there
    /// from the start need do nothing.
    fn adopted(&self, _config: &Arc<Config>) {}

    /// The node's storage.
    fn disk(&self) -> Self::Disk;

    /// Told of everything that the node says happened. The simulator's checkers listen here; production does not.
    fn observe(&self, _event: &Event) {}
}

/// A folder of files. Names are short, fixed and made by the store, never from keys.
///
/// A call may block its thread in production. In simulation the time that it takes passes there.
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Opens a file, and makes it if it is not there. A new file's name is durable only after [`sync_dir`](Self::sync_dir).
    fn open(&self, name: &str) -> impl Future<Output = io::Result<Arc<Self::File>>> + Send;

    /// The names of all files, sorted.
    fn list(&self) -> impl Future<Output = io::Result<Vec<String>>> + Send;

    /// Removes a file. Durable only after [`sync_dir`](Self::sync_dir).
    fn remove(&self, name: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// Renames a file over another. Atomic; durable only after [`sync_dir`](Self::sync_dir).
    fn rename(&self, from: &str, to: &str) -> impl Future<Output = io::Result<()>> + Send;

    /// Makes names durable.
    fn sync_dir(&self) -> impl Future<Output = io::Result<()>> + Send;
}

/// One open file. Writes are durable only after [`sync`](Self::sync); until then a crash may keep any part of them, by sector.
pub trait DiskFile: Send + Sync + 'static {
    /// Its size in bytes.
    fn size(&self) -> impl Future<Output = io::Result<u64>> + Send;

    /// Fills the buffer from an offset.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before the buffer.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes all bytes at an offset, growing the file where needed.
    ///
    /// # Errors
    /// `StorageFull`: some of the bytes may be there.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Cuts or grows the file to a size.
    fn truncate(&self, size: u64) -> impl Future<Output = io::Result<()>> + Send;

    /// Makes all writes durable. After a failure nothing may be believed of the writes since the last success.
    fn sync(&self) -> impl Future<Output = io::Result<()>> + Send;
}
