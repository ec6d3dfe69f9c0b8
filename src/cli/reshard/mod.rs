//! `causeway reshard`: asks for another number of shards, calls that off, and shows how far it is.
//!
//! Exit codes are those of [`client`](super::client): 1 where there is nothing to call off, 4 where the reshard may go on.

mod show;

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};

use self::show::Screen;
pub(super) use self::show::lines as show_lines;
use super::{
    CliError,
    client::{EXIT_UNKNOWN, NodeArgs, say_why_not},
    say,
};
use crate::http::{Client, ClientError, Outgoing, ReshardReport};

const PATH: &str = "/admin/reshard";
/// Between two looks of `--watch`.
const LOOK: Duration = Duration::from_millis(500);
/// Longer than a node works on a request: with `--watch` its answer is waited for.
const WHOLE: Duration = Duration::from_secs(660);

/// `causeway reshard`.
#[derive(Debug, clap::Args)]
pub struct ReshardArgs {
    /// How many shards there are to be; the same number again makes up for nodes that are gone. Without it: show the reshard under way
    shards: Option<u16>,
    /// Call off the reshard under way, before its slots are handed over
    #[arg(long, conflicts_with = "shards")]
    abort: bool,
    /// Show how far it is until it is over
    #[arg(long)]
    watch: bool,
    /// Print JSON, for programs: with `--watch` a line each time that something changed
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

type Answered = Result<(u16, Value), ClientError>;

impl ReshardArgs {
    pub(super) async fn run(self) -> Result<u8, CliError> {
        let request = self.request();
        if self.watch {
            return self.watch(request).await;
        }
        let deadline = Duration::from_millis(self.node.deadline_ms);
        let mut client = self.node.client()?;
        match request {
            None => self.show(&look(&mut client, deadline).await?).map(|()| 0),
            Some(request) => {
                let answered = client.send(request, deadline).await;
                if matches!(answered, Err(ClientError::Deadline { .. })) {
                    eprintln!("it may go on: `causeway reshard --watch` shows it");
                }
                self.answered(answered)
            }
        }
    }

    fn request(&self) -> Option<Outgoing> {
        if self.abort {
            return Some(Outgoing::new(Method::DELETE, PATH));
        }
        let shards = self.shards?;
        Some(Outgoing::new(Method::PUT, "/shard/reshard").json(&json!({ "shard-count": shards })))
    }

    fn show(&self, report: &ReshardReport) -> Result<(), CliError> {
        match self.json {
            true => say(&format!("{}\n", serde_json::to_string_pretty(report).map_err(std::io::Error::from)?)),
            false => say(&show::lines(report).iter().map(|line| format!("{line}\n")).collect::<String>()),
        }
    }

    /// Says what came of the request; the exit code.
    fn answered(&self, answered: Answered) -> Result<u8, CliError> {
        let (status, answer) = answered?;
        match status {
            200 if self.json => say(&format!("{answer}\n")).map(|()| 0),
            200 => say(&format!("{}\n", answer["result"].as_str().unwrap_or("done"))).map(|()| 0),
            _ => Ok(say_why_not(status, &answer)),
        }
    }

    /// Shows how far the reshard is until it is over and the request, if there is one, is answered.
    async fn watch(&self, request: Option<Outgoing>) -> Result<u8, CliError> {
        let mut pending = request.map(|request| self.send(request)).transpose()?;
        let patience = Duration::from_millis(self.node.deadline_ms);
        let mut client = self.node.client()?;
        let mut screen = Screen::new(self.json, std::io::stdout().is_terminal());
        let mut heard = Instant::now();
        let mut code = 0;
        loop {
            if let Some(answer) = pending.take_if(|answer| answer.is_finished()) {
                screen.leave();
                code = self.answered(answer.await.map_err(std::io::Error::from)?)?;
                if code != 0 {
                    return Ok(code);
                }
            }
            match look(&mut client, patience).await {
                Ok(report) => {
                    heard = Instant::now();
                    // Before the request has taken effect, what is under way is nothing, or another reshard.
                    if pending.is_none() || report.goal.is_some() {
                        screen.show(&report)?;
                    }
                    if pending.is_none() && report.goal.is_none() {
                        return Ok(code);
                    }
                }
                Err(error) if heard.elapsed() < patience => drop(error),
                Err(error) if pending.is_some() => {
                    eprintln!("{error}");
                    return Ok(EXIT_UNKNOWN);
                }
                Err(error) => return Err(error.into()),
            }
            sleep(LOOK).await;
        }
    }

    fn send(&self, request: Outgoing) -> Result<JoinHandle<Answered>, CliError> {
        let mut client = self.node.client()?;
        Ok(tokio::spawn(async move { client.send(request, WHOLE).await }))
    }
}

/// How far the reshard is, as a node knows.
pub(super) async fn look(client: &mut Client, deadline: Duration) -> Result<ReshardReport, ClientError> {
    client.look(PATH, deadline).await
}
