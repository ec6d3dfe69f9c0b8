//! A load: so many connections, each with one request on its way, for so many seconds. Prints one line of JSON.

#![expect(clippy::disallowed_methods, reason = "time is what it measures")]
#![expect(clippy::disallowed_macros, reason = "it prints what it measures")]

mod dialect;
mod load;

use std::{error::Error, time::Duration};

use clap::Parser;

use crate::{
    dialect::{Dialect, Kind},
    load::{Load, Totals},
};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    /// What the servers speak.
    #[arg(long, value_enum)]
    dialect: Dialect,
    /// What is asked.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many connections, in turn to each of the addresses.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// For how long.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many keys; each has 13 bytes.
    #[arg(long, default_value_t = 1_000)]
    keys: u32,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// Replicas that must have a write before it is answered: `Write-Concern` for causeway; for Redis `WAIT` for one less.
    #[arg(long, default_value_t = 1)]
    replicas: u8,
    /// Asks for each key once, and then ends.
    #[arg(long)]
    each: bool,
    /// Asks only for keys of this shard, which the servers name in their answers.
    #[arg(long)]
    shard: Option<String>,
    /// HOST:PORT of the servers.
    #[arg(required = true)]
    addresses: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let load = Load {
        dialect: arguments.dialect,
        kind: arguments.kind,
        replicas: arguments.replicas,
        value_bytes: arguments.value_bytes,
        connections: arguments.connections,
        lasts: Duration::from_secs(arguments.seconds),
        each: arguments.each,
        addresses: arguments.addresses,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let totals = runtime.block_on(async {
        let keys: Vec<u32> = (0..arguments.keys).collect();
        let keys = match &arguments.shard {
            Some(shard) => load.keys_of(shard, &keys).await?,
            None => keys,
        };
        load.run(&keys).await
    })?;
    println!("{}", as_json(&totals));
    Ok(())
}

fn as_json(totals: &Totals) -> serde_json::Value {
    serde_json::json!({
        "requests": totals.latencies_us.len(),
        "failed": totals.failed,
        "first_failure": totals.first_failure,
        "duration_us": u64::try_from(totals.took.as_micros()).unwrap_or(u64::MAX),
        "p50_us": totals.percentile_us(50.0),
        "p99_us": totals.percentile_us(99.0),
        "p999_us": totals.percentile_us(99.9),
        "longest_token": totals.longest_token,
        "mean_token": totals.mean_token(),
    })
}
