//! Changes of the config, asked of one node after the other until they are made.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use causeway::http::{Client, Outgoing};
use tokio::time;

use super::load::Run;
use crate::{checker::administered::Answer, plan::Wish};

const POLL: Duration = Duration::from_millis(20);

/// Asks one node after the other, from this one on, until the change is made. When that was, since the run began.
///
/// # Errors
/// It was not made in time, as was answered last; or the run ended before. An answer that is in no contract ends the run.
pub async fn ask(run: Arc<Run>, first: usize, wish: Wish, within: Duration) -> Result<Duration, String> {
    let (began, addresses) = (Instant::now(), &run.addresses);
    let Some((method, path, body)) = wish.asked(|number| addresses[usize::from(number)].clone()) else {
        return Err(format!("{wish} takes more than one request"));
    };
    let request = Outgoing::new(method, path).json(&body);
    for address in addresses.iter().cycle().skip(first) {
        let answer = Client::new(address).send(request.clone(), within).await;
        if let Ok((status, body)) = &answer {
            let text = body["result"].as_str().or_else(|| body["error"].as_str()).unwrap_or_default();
            let answer = Answer { wish: &wish, status: *status, text, configs: None, in_doubt: false };
            let judged = run.judge(|judge, _| judge.administered(&answer));
            judged.unwrap_or_else(|violation| run.blow(violation));
            if *status == 200 {
                break;
            }
        }
        // A node that is to join and has just died is in no view; one that has just started knows no view.
        if began.elapsed() >= within || !run.goes_on() {
            return Err(format!("{wish} is answered {answer:?}"));
        }
        time::sleep(POLL).await;
    }
    Ok(run.began.elapsed())
}
