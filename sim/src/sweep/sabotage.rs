//! Ways to break a sweep on purpose. A sweep that has never lost a worker, and never seen a seed run in two ways, may not notice
//! when it does.

use std::{fmt, str::FromStr};

/// See the module. Written `KIND@SEED`, or `dud-canary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The worker aborts when it is to run this seed.
    Abort(u64),
    /// The worker never ends this seed.
    Hang(u64),
    /// This seed is another run in each worker.
    Differ(u64),
    /// The canary has no bug.
    DudCanary,
}

impl FromStr for Sabotage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "dud-canary" {
            return Ok(Self::DudCanary);
        }
        let (kind, seed) = text.split_once('@').ok_or("written KIND@SEED, or `dud-canary`")?;
        let seed = seed.parse().map_err(|error| format!("{seed}: {error}"))?;
        match kind {
            "abort" => Ok(Self::Abort(seed)),
            "hang" => Ok(Self::Hang(seed)),
            "differ" => Ok(Self::Differ(seed)),
            _ => Err("the kinds are `abort`, `hang` and `differ`".to_owned()),
        }
    }
}

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abort(seed) => write!(f, "abort@{seed}"),
            Self::Hang(seed) => write!(f, "hang@{seed}"),
            Self::Differ(seed) => write!(f, "differ@{seed}"),
            Self::DudCanary => f.write_str("dud-canary"),
        }
    }
}
