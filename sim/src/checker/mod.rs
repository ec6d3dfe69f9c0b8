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
//! | [`administered`] | so is each answer to an operator; who is told that something was changed is told so by a change of its time |
//! | [`one_config`] | I16: one config an epoch, each made from the one before |
//! | [`epoch_gate`] | I17: nothing of an epoch is heard or answered below it |
//! | [`seals`] | I18: after it has handed a slot over, an actor writes it no more |
//! | [`finish`] | I19: a move is finished when all have everything |
//! | [`cut_holds`] | I28: nobody has more of an actor than its cut |
//! | [`base_first`] | I20: what is to come counts once all of it is here |
//! | [`minimal_moves`] | I22: a reshard moves the fewest slots and leaves all even |
//! | [`evicted_by_many`] | a node is evicted only when a majority has believed it down for long |
//! | [`set_aside`] | what only a node had whose actor was cut off is set aside there |
//! | [`backup_is_a_cut`] | I31: a backup holds the writes up to its time and no others |
//! | [`nothing_left`] | I24: in the end nothing is on the move |

pub mod a1_stamps;
pub mod a2_reads;
pub mod administered;
pub mod answers;
pub mod applied_once;
pub mod backup_is_a_cut;
pub mod base_first;
mod books;
mod configs;
pub mod convergence;
pub mod cut_holds;
pub mod durability;
pub mod epoch_gate;
pub mod evicted_by_many;
pub mod finish;
mod judge;
#[cfg(test)]
mod litmus;
pub mod minimal_moves;
pub mod nothing_left;
pub mod one_config;
mod past;
pub mod promises;
mod records;
pub mod records_are_asked_for;
mod replicas;
pub mod same_set_same_state;
pub mod seals;
pub mod set_aside;
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
pub use configs::Configs;
pub use convergence::Reading;
pub use judge::Judge;
pub use past::Past;
pub use records::{IsTombstone, Known};
pub use replicas::{Replica, Replicas};
pub use violation::{About, CHECKERS, Guarantee, Property, Violation};
