//! The control log in a world that loses frames, disks and processes; once in the real one, and once as the config log of nodes.

mod cluster;
mod founding;
mod ledger;
mod real;
mod recovery;
mod steady;
mod storm;
mod wired;
