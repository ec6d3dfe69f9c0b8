//! The control log in a world that loses frames, disks and processes; and once in the real one.

mod cluster;
mod founding;
mod ledger;
mod real;
mod recovery;
mod steady;
mod storm;
