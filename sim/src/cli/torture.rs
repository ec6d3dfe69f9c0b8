//! `causeway-sim torture`: real nodes under real harm.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use causeway::mutant::Mutant;
use causeway_sim::{
    torture::{
        load::Tokens,
        plan::{FillsDisk, TorturePlan, Wanted},
        stage::{MOST_NODES, Program, Setting},
        whole::{Orders, torture},
    },
    trace::{Line, What},
};

use super::{Outcome, exit, input, interrupt};

/// Large enough for what a run writes, small enough to be filled at once.
const SMALL_DISK_BYTES: u64 = 256 << 20;

const EXAMPLES: &str = "\
Examples:
  scripts/build-static && docker build --target packed --tag causeway .
  causeway-sim torture --image causeway                                    50 kills and 10 partitions, in containers
  causeway-sim torture --image causeway --kills 1000 --partitions 200      for an hour
  causeway-sim torture --binary target/release/causeway --seed 7           without Docker: in network namespaces
  causeway-sim torture --binary new/causeway --older-binary old/causeway   an upgrade and a downgrade: see scripts/mixed-versions
  causeway-sim torture --mutant read-without-check --kills 10              a planted bug is caught
  causeway-sim torture --image causeway --nodes 3 --shards 1 --preload 1000000 --kills 0 --partitions 0

Needs the rights of root, and ip, tc, iptables and nsenter. All that it makes is named after its process and is gone at its end.";

/// `causeway-sim torture`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TortureArgs {
    /// Nodes are containers of this image
    #[arg(long, value_name = "NAME", required_unless_present_any = ["binary", "mutant", "print_plan"], conflicts_with_all = ["binary", "mutant"])]
    image: Option<String>,
    /// Nodes are processes of this program, each in a network namespace
    #[arg(long, value_name = "FILE", conflicts_with = "mutant")]
    binary: Option<PathBuf>,
    /// Nodes begin with this older build of the program, are upgraded one by one and later downgraded
    #[arg(long, value_name = "FILE", requires = "binary")]
    older_binary: Option<PathBuf>,
    /// Nodes are processes with this bug, to see that it is caught
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// How many nodes
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(2..=i64::from(MOST_NODES)))]
    nodes: u16,
    /// In how many shards at first
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    shards: u16,
    /// What the plan and all sessions are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often a node is killed
    #[arg(long, value_name = "N", default_value_t = 50)]
    kills: u32,
    /// How often some nodes do not hear others
    #[arg(long, value_name = "N", default_value_t = 10)]
    partitions: u32,
    /// Begin nothing after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// How many sessions
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    sessions: u16,
    /// How long a session rests after each operation, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20)]
    rest_ms: u64,
    /// Write so many keys first, kill and restart each node and say how long that takes
    #[arg(long, value_name = "KEYS", default_value_t = 0)]
    preload: u64,
    /// A variable of all nodes, as in `CAUSEWAY_SEGMENT_BYTES=1048576`; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    set: Vec<(String, String)>,
    /// Sessions throw their tokens away, to see that what they then read is caught
    #[arg(long)]
    forget_tokens: bool,
    /// Print the plan, and do nothing
    #[arg(long)]
    print_plan: bool,
    /// Where the history goes, and what a failure leaves
    #[arg(long, value_name = "DIR", default_value = "torture")]
    out: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl TortureArgs {
    pub(super) fn run(self) -> Outcome {
        let plan = self.plan();
        if self.print_plan {
            println!("{plan}");
            return Ok(ExitCode::SUCCESS);
        }
        if self.json {
            eprintln!("{plan}");
        } else {
            println!("{plan}\n");
        }
        let (stop, json) = (interrupt::listen()?, self.json);
        let orders = self.orders(plan)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
        let report = runtime.block_on(torture(&orders, stop, Arc::new(tell))).map_err(|error| error.to_string())?;
        if json {
            println!("{}", input::json(&report)?);
        } else {
            println!("\n{report}");
        }
        let code = if report.is_stopped && report.has_passed() { exit::INTERRUPTED } else { report.exit_code };
        Ok(ExitCode::from(code))
    }

    fn plan(&self) -> TorturePlan {
        let Self { seed, nodes, shards, kills, partitions, .. } = *self;
        let fills_disk = if self.preload == 0 { FillsDisk::OfTheLast } else { FillsDisk::No };
        let plan = TorturePlan::draw(Wanted { seed, nodes, shards, kills, partitions, fills_disk });
        let plan = match self.seconds {
            Some(seconds) => plan.within(seconds),
            None => plan,
        };
        if self.older_binary.is_some() { plan.with_builds() } else { plan }
    }

    fn orders(self, plan: TorturePlan) -> Result<Orders, String> {
        let program = match (self.image, self.binary, self.mutant) {
            (Some(image), _, _) => Program::Image(image),
            (None, Some(program), _) => match self.older_binary {
                Some(older) => Program::Builds { older: found(&older)?, newer: found(&program)? },
                None => Program::Binary(found(&program)?, Vec::new()),
            },
            (None, None, mutant) => {
                let program = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
                Program::Binary(program, vec!["server".to_owned(), mutant.map(|mutant| mutant.to_string()).unwrap_or_default()])
            }
        };
        let fills_disk = plan.wanted.fills_disk == FillsDisk::OfTheLast;
        let setting = Setting {
            nodes: self.nodes,
            shards: self.shards,
            program,
            variables: self.set,
            small_disk_bytes: fills_disk.then_some(SMALL_DISK_BYTES),
        };
        Ok(Orders {
            setting,
            mutant: self.mutant,
            plan,
            sessions: self.sessions,
            rest: Duration::from_millis(self.rest_ms),
            tokens: if self.forget_tokens { Tokens::Dropped } else { Tokens::Carried },
            keys: self.preload,
            out: self.out,
            command: env::args().collect::<Vec<_>>().join(" "),
        })
    }
}

/// Says what is done while it is done.
fn tell(line: &Line) {
    if matches!(line.what, What::Fault { .. }) {
        eprintln!("{line}");
    }
}

fn found(program: &Path) -> Result<PathBuf, String> {
    program.canonicalize().map_err(|error| format!("{}: {error}", program.display()))
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a variable is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
