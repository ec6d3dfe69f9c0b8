//! The journal on a disk that loses, tears, fails, fills up and rots.

mod aside;
mod crash;
mod damage;
mod decoders;
mod disk;
mod faults;
mod folder;
mod life;
