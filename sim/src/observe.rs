//! Where checkers listen: every event of every node, at the moment it happens, with the true time that no node knows.

use std::sync::{Arc, Mutex};

use causeway::{id::NodeId, node::Event};

/// Told synchronously of everything that nodes say happened. A panic here stops the run at the event that caused it.
pub trait Observer: Send {
    /// A node did something. `at_us` is true simulated time since the start of the run.
    fn event(&mut self, at_us: u64, node: NodeId, event: &Event);
}

/// An observer that its owner still holds, to ask it for its findings.
pub type SharedObserver = Arc<Mutex<dyn Observer>>;
