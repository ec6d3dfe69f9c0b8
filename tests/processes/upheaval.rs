//! Sixteen sessions hop between seven processes while a member joins and shards grow, shrink and are repaired; in the middle of each
//! of these a node dies. Nothing that was acknowledged is lost, no effect is seen before its cause, no request waits longer than it may,
//! and tokens from before are good.

use std::{ops::Range, sync::Arc, time::Duration};

use causeway_sim::{
    plan::Wish,
    torture::{
        change::ask,
        final_scan,
        load::{Run, Tokens, begin, end, random},
        pace::Outage,
    },
};
use hyper::Method;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time;

use crate::{
    changes::until,
    cluster::Cluster,
    keepsakes::Keepsakes,
    lateness::Lateness,
    torture::{SEED, run, seconds},
};

/// Apart from those to a node that has just died, and by how much the machine is late.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// A change with a node that dies, returns and catches up on the way.
const CHANGES_WITHIN: Duration = Duration::from_secs(30);
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Before the first change, and between two.
const QUIET: Duration = Duration::from_secs(1);
/// A run may not end in the middle of a round.
const LONGEST: u64 = 86_400;
const LEAST_ACKNOWLEDGED_A_SECOND: f64 = 20.0;

/// What happens beside a change.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Nothing,
    /// A node is killed, and starts again.
    Death,
    /// A node stands still, and then goes on by the config that it knew.
    Pause,
}

/// A change that was made, and what happened to a node in the middle of it.
struct Made {
    wish: Wish,
    span: Range<Duration>,
    outage: Option<Outage>,
}

/// At least one round of changes; more while the time that was asked for is not over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_shards_change_and_nodes_die_under_load() {
    let mut cluster = Cluster::serving(&[]).await;
    let new = cluster.add_node();
    cluster.until_views_are(&cluster.nodes(), BACK_WITHIN).await;
    let run = run(&cluster, Tokens::Carried, LONGEST);
    let sessions = begin(&run);
    let lateness = Lateness::watched();
    let made = upheaval(&mut cluster, new, &run).await;
    run.end();
    let tally = end(sessions).await;
    let whole = Duration::ZERO..run.began.elapsed();
    let seen = run.violation();
    assert_eq!(seen, None, "{}", seen.as_ref().map(ToString::to_string).unwrap_or_default());

    let converged = final_scan::converge(&run, BACK_WITHIN, |_| cluster.nodes()).await;
    let took = converged.unwrap_or_else(|why| panic!("{why}")).took;
    println!("{tally:?}; converged after {} ms", took.as_millis());
    print_pace(&run, &made, &whole);
    let outages: Vec<Outage> = made.into_iter().filter_map(|made| made.outage).collect();
    let slowest = run.pace.slowest(&outages).expect("requests were made");
    println!("longest answer of a node that was up: {slowest:?}; this machine was late by {:?} at most", lateness.most());
    // Two nodes may have had to wait for it.
    assert!(slowest.took <= ANSWERS_WITHIN + 2 * lateness.most(), "{slowest:?}");
    let rate = f64::from(tally.acknowledged) / whole.end.as_secs_f64();
    assert!(rate >= LEAST_ACKNOWLEDGED_A_SECOND, "too little happened: {tally:?} in {:?}", whole.end);
}

async fn upheaval(cluster: &mut Cluster, new: usize, run: &Arc<Run>) -> Vec<Made> {
    let mut random = random(SEED, 4_711);
    let (mut made, mut keepsakes, mut newcomer) = (Vec::new(), Keepsakes::default(), new);
    let reshard = |shards| Wish::Reshard { shards };
    loop {
        let shard = random.random_range(0..2);
        let joins = Wish::AddMember { address: newcomer as u16, shard };
        let slow = if made.len() % 4 == 0 { [Beside::Nothing, Beside::Pause] } else { [Beside::Pause, Beside::Nothing] };
        let disturbed = [joins, reshard(3), reshard(2), reshard(2)].map(|wish| (wish, Beside::Death));
        for (wish, beside) in disturbed.into_iter().chain([reshard(3), reshard(2)].into_iter().zip(slow)) {
            time::sleep(QUIET).await;
            let last = random.random_range(0..cluster.nodes().len());
            keepsakes.take(cluster, last, &format!("change-{}", made.len())).await;
            made.push(change(cluster, run, wish, beside, &mut random, &mut keepsakes).await);
            keepsakes.are_honoured(cluster).await;
            if !run.goes_on() {
                return made;
            }
        }
        if run.began.elapsed().as_secs() >= seconds(0) {
            return made;
        }
        newcomer = random.random_range(0..cluster.nodes().len());
    }
}

/// Has a change made; meanwhile something may happen to a node.
async fn change(
    cluster: &mut Cluster,
    run: &Arc<Run>,
    wish: Wish,
    beside: Beside,
    random: &mut ChaCha8Rng,
    keepsakes: &mut Keepsakes,
) -> Made {
    let nodes = cluster.nodes();
    let victim = random.random_range(0..nodes.len());
    keepsakes.take(cluster, victim, &format!("death-{}", run.began.elapsed().as_millis())).await;
    let began = run.began.elapsed();
    let asked = random.random_range(0..nodes.len());
    let request = tokio::spawn(ask(run.clone(), asked, wish.clone(), CHANGES_WITHIN));
    let outage = match beside {
        Beside::Nothing => None,
        Beside::Death => Some(death(cluster, run, victim, random, keepsakes).await),
        Beside::Pause => Some(pause(cluster, run, random).await),
    };
    let ended = request.await.expect("whoever asks does not panic").unwrap_or_else(|why| panic!("{why}"));
    if let Wish::Reshard { shards } = wish {
        let ids: Vec<String> = (0..shards).map(|shard| format!("s{shard}")).collect();
        for node in nodes {
            until(cluster, node, "/shard/ids", |body| body["shard-ids"] == json!(ids)).await;
        }
    }
    Made { wish, span: began..ended, outage }
}

/// A node dies in a moment, and comes back.
async fn death(cluster: &mut Cluster, run: &Run, victim: usize, random: &mut ChaCha8Rng, keepsakes: &Keepsakes) -> Outage {
    time::sleep(Duration::from_millis(random.random_range(5..150))).await;
    let died = run.began.elapsed();
    cluster.kill(victim);
    let nodes = cluster.nodes().len();
    keepsakes.are_not_belied(cluster, (victim + random.random_range(1..nodes)) % nodes).await;
    time::sleep(Duration::from_millis(random.random_range(50..1_500))).await;
    cluster.start_node(victim);
    cluster.until_views_are(&cluster.nodes(), BACK_WITHIN).await;
    Outage { node: victim, span: died..run.began.elapsed() }
}

/// A node of the last shard stands still in a moment, for as long as a slow one may without losing its place. It has slots to give.
async fn pause(cluster: &Cluster, run: &Run, random: &mut ChaCha8Rng) -> Outage {
    let (mut last, mut slow) = (Value::Null, 0);
    for node in cluster.nodes() {
        let (_, body) = cluster.answer(node, Method::GET, "/shard/node-shard-id", &Value::Null).await;
        let shard = &body["node-shard-id"];
        if shard.as_str() >= last.as_str() {
            (last, slow) = (shard.clone(), node);
        }
    }
    time::sleep(Duration::from_millis(random.random_range(5..150))).await;
    let began = run.began.elapsed();
    cluster.pause(slow);
    time::sleep(Duration::from_millis(random.random_range(500..1_900))).await;
    cluster.resume(slow);
    Outage { node: slow, span: began..run.began.elapsed() }
}

fn print_pace(run: &Run, made: &[Made], whole: &Range<Duration>) {
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    let starts = made.iter().map(|made| made.span.start).chain([whole.end]);
    let ends = made.iter().map(|made| made.outage.as_ref().map_or(made.span.end, |outage| outage.span.end.max(made.span.end)));
    let quiet: Vec<Range<Duration>> = [Duration::ZERO].into_iter().chain(ends).zip(starts).map(|(from, to)| from..to).collect();
    let (median, tail) = run.pace.percentiles(&quiet);
    println!("quiet: p50 {:.1} ms, p99 {:.1} ms, {:.0} answers a second", ms(median), ms(tail), run.pace.rate(&quiet[0]));
    for Made { wish, span, outage } in made {
        let (median, slow) = run.pace.percentiles(std::slice::from_ref(span));
        let ratio = ms(slow) / ms(tail);
        let (gap, _) = run.pace.longest_gap(span);
        let (took, rate) = (ms(span.end - span.start), run.pace.rate(span));
        print!("{wish}: {took:.0} ms; p50 {:.1} ms, p99 {:.1} ms, {ratio:.1} times the quiet one; ", ms(median), ms(slow));
        print!("{rate:.0} answers a second; longest gap {:.0} ms", ms(gap));
        if let Some(Outage { node, span: down }) = outage {
            let (after, length) = (ms(down.start - span.start), ms(down.end - down.start));
            print!("; node {node} goes {after:.0} ms after the request, and is back after {length:.0} ms");
        }
        println!();
    }
    let (gap, at) = run.pace.longest_gap(whole);
    println!("longest time without an answer: {:.0} ms, {:.1} s after the start", ms(gap), at.as_secs_f64());
}
