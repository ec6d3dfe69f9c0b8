//! A load: so many connections, each with one request on its way, for so many seconds; or so many requests a second, however soon they
//! are answered. Prints one line of JSON.

#![expect(clippy::disallowed_methods, reason = "time is what it measures")]
#![expect(clippy::disallowed_macros, reason = "it prints what it measures")]

mod dialect;
mod load;
mod open_loop;

use std::error::Error;

use clap::Parser;

use crate::load::{Load, Totals};

fn main() -> Result<(), Box<dyn Error>> {
    let load = Load::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shown = match load.rate() {
        None => as_json(&runtime.block_on(load.run())?),
        Some(rate) => runtime.block_on(load.run_at(rate))?.as_json(),
    };
    println!("{shown}");
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
