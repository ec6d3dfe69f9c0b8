//! Plans as files: TOML, one line a fault and one line an operation, made to be read, edited and kept beside the story of a bug.

use std::{collections::BTreeSet, fmt::Write};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::plan::{Plan, Planned};

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
    let lists = ["faults", "requests", "operations"].map(|name| (name, table.remove(name)));
    let rest = toml::to_string(&File { format: FORMAT, plan: table }).map_err(|error| PlanFileError(error.to_string()))?;
    // An array before the first table belongs to the plan itself.
    let (plain, tables) = rest.split_once("\n[").unwrap_or((&rest, ""));
    let mut text = format!("{}\n", plain.trim_end());
    for (name, list) in lists.into_iter().filter(|(name, list)| *name != "requests" || list.is_some()) {
        // A `String` takes whatever is written to it.
        let _ = writeln!(text, "{name} = [");
        for line in list.iter().filter_map(Value::as_array).flatten() {
            let _ = writeln!(text, "  {line},");
        }
        text.push_str("]\n");
    }
    Ok(format!("{text}\n[{tables}"))
}

/// Reads what [`write()`] wrote, or what was made of it by hand.
///
/// # Errors
/// It is no TOML, or of another format; something is missing, unknown, or means nothing: a node that is not there, a list that is
/// not in the order of time, two operations of one name.
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
    let places = u32::from(plan.nodes + plan.spares);
    if plan.skews_ms.len() != places as usize {
        return Err(format!("skews_ms: {} clocks for {places} nodes", plan.skews_ms.len()));
    }
    plan.cluster(crate::trace::Keep::Nothing).config().map_err(|error| error.to_string())?;
    in_order("faults", plan.faults.iter().map(|timed| timed.at_ms))?;
    in_order("requests", plan.requests.iter().map(|request| request.at_ms))?;
    in_order("operations", plan.operations.iter().map(|planned| planned.at_ms))?;
    let mut names = BTreeSet::new();
    for Planned { op, .. } in &plan.operations {
        if !names.insert(op) {
            return Err(format!("operations: two are called {op}"));
        }
    }
    let of_faults = plan.faults.iter().flat_map(|timed| timed.fault.nodes());
    let of_operations = plan.operations.iter().map(|planned| planned.node);
    let of_requests = plan.requests.iter().map(|request| request.node);
    match of_faults.chain(of_operations).chain(of_requests).chain(plan.older).find(|node| node.0 >= places) {
        Some(node) => Err(format!("there is no node {}: {places} nodes are numbered from 0", node.0)),
        None => Ok(()),
    }
}

fn in_order(list: &str, times_ms: impl Iterator<Item = u64>) -> Result<(), String> {
    let mut now_ms = 0;
    for at_ms in times_ms {
        if at_ms < now_ms {
            return Err(format!("{list}: at_ms = {at_ms} comes after {now_ms}"));
        }
        now_ms = at_ms;
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
