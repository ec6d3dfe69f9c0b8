//! The judges. They watch a run while it happens, from both sides: what clients are told, and what replicas say they did. One
//! property, one file; the two sets of books that they judge by, [`Books`] of the clients and [`Replicas`] of the servers, are
//! the checkers' own. Tokens and vectors of the protocol are judged and never believed.
//!
//! | file | property |
//! | --- | --- |
//! | [`a1_stamps`] | A1: a new write's stamp is above its past; I4: dots never repeat |
//! | [`a2_reads`] | A2: reads are not older than the session's past |
//! | [`token_covers_past`] | I1: tokens stand for the whole past; I3: they are bounded |
//! | [`promises`] | I5, I7: a promise is true when given and for ever |
//! | [`applied_once`] | I8: no record is applied twice |
//! | [`same_set_same_state`] | the winner depends on what is applied and on nothing else |
//! | [`stamps_never_go_back`] | a replica's winner never gets older |
//! | [`tombstones`] | I21: nothing returns from the dead |
//! | [`stable_time`] | I9: up to the stable time everything is applied everywhere |
//! | [`durability`] | what was acknowledged is there after a restart |
//! | [`write_concern`] | an answered write is on as many disks as was asked for |
//! | [`convergence`] | I10: at quiescence all agree, and nothing is lost |
//! | [`records_are_asked_for`] | refusals are final, retries make no second record, one request makes one at most |
//! | [`takes_no_writes`] | who says that it takes no writes makes none |
//! | [`answers`] | each answer is in the contract |

pub mod a1_stamps;
pub mod a2_reads;
pub mod answers;
pub mod applied_once;
mod books;
pub mod convergence;
pub mod durability;
mod judge;
#[cfg(test)]
mod litmus;
mod past;
pub mod promises;
mod records;
pub mod records_are_asked_for;
mod replicas;
pub mod same_set_same_state;
pub mod stable_time;
pub mod stamps_never_go_back;
pub mod takes_no_writes;
pub mod token_covers_past;
pub mod tombstones;
#[cfg(test)]
mod two_online_checkers;
mod violation;
pub mod write_concern;

pub use answers::Answer;
pub use books::{Asked, Books, Session};
pub use convergence::Reading;
pub use judge::Judge;
pub use past::Past;
pub use records::{IsTombstone, Known};
pub use replicas::{Replica, Replicas};
pub use violation::{About, CHECKERS, Guarantee, Property, Violation};
