//! Plans as files: TOML, one line a fault, made to be read, edited and kept beside the story of a bug.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::plan::Plan;

/// Which form of the file this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// Why a file is no plan, in words for whoever edits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFileError(String);

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    #[serde(flatten)]
    plan: Table,
}

/// A plan as the text of a file.
///
/// # Errors
/// A number is larger than TOML can hold: 2^63 - 1.
pub fn write(plan: &Plan) -> Result<String, PlanFileError> {
    let mut table = Table::try_from(plan).map_err(|error| PlanFileError(error.to_string()))?;
    let schedule = table.remove("schedule");
    let rest = toml::to_string(&File { format: FORMAT, plan: table }).map_err(|error| PlanFileError(error.to_string()))?;
    let mut faults = String::new();
    for timed in schedule.iter().filter_map(Value::as_array).flatten() {
        // A `String` takes whatever is written to it.
        let _ = writeln!(faults, "  {timed},");
    }
    // An array before the first table belongs to the plan itself.
    let (plain, tables) = rest.split_once("\n[").unwrap_or((&rest, ""));
    Ok(format!("{}\nschedule = [\n{faults}]\n\n[{tables}", plain.trim_end()))
}

/// Reads what [`write`] wrote, or what was made of it by hand.
///
/// # Errors
/// It is no TOML, or of another format; something is missing, unknown, or means nothing: a node that is not there, faults that are
/// not in the order of time.
pub fn read(text: &str) -> Result<Plan, PlanFileError> {
    let file: File = toml::from_str(text).map_err(|error| PlanFileError(error.to_string()))?;
    if file.format != FORMAT {
        return Err(PlanFileError(format!("format {}: this program reads format {FORMAT}", file.format)));
    }
    let plan: Plan = file.plan.try_into().map_err(|error: toml::de::Error| PlanFileError(error.to_string()))?;
    check(&plan).map_err(PlanFileError)?;
    Ok(plan)
}

fn check(plan: &Plan) -> Result<(), String> {
    let nodes = u32::from(plan.nodes);
    if plan.skews_ms.len() != usize::from(plan.nodes) {
        return Err(format!("skews_ms: {} clocks for {nodes} nodes", plan.skews_ms.len()));
    }
    plan.cluster(crate::trace::Keep::Nothing).config().map_err(|error| error.to_string())?;
    let mut now_ms = 0;
    for timed in &plan.schedule {
        if timed.at_ms < now_ms {
            return Err(format!("schedule: at_ms = {} comes after {now_ms}", timed.at_ms));
        }
        now_ms = timed.at_ms;
        if let Some(node) = timed.fault.nodes().into_iter().find(|node| node.0 >= nodes) {
            return Err(format!("schedule: at_ms = {now_ms}: there is no node {}", node.0));
        }
    }
    Ok(())
}

impl std::fmt::Display for PlanFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a plan: {}", self.0)
    }
}

impl std::error::Error for PlanFileError {}

/// For fields that are written as people spell them on the command line.
pub(crate) mod text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The same for fields that may be missing.
pub(crate) mod optional_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserializer, Serializer};

    pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::text::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        super::text::deserialize(deserializer).map(Some)
    }
}
