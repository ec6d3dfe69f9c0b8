//! A reshard as text: a line that says how far it is, and a line with a bar for each move. On a terminal they are drawn over those before.

use crate::{
    cli::{CliError, say},
    http::{MoveReport, ReshardReport, TakerReport},
};

const BAR_CHARS: u64 = 20;
/// Up so many lines, and clear what is below.
const REDRAW: (&str, &str) = ("\x1b[", "A\x1b[J");

/// Where `--watch` draws.
pub(super) struct Screen {
    json: bool,
    terminal: bool,
    /// What was shown last.
    shown: Vec<String>,
}

impl Screen {
    pub fn new(json: bool, terminal: bool) -> Self {
        Self { json, terminal, shown: Vec::new() }
    }

    /// What is shown stays, and the next lines follow it.
    pub fn leave(&mut self) {
        if self.terminal && !self.json {
            self.shown.clear();
        }
    }

    /// Shows what differs from what was shown last; on a terminal, in its place.
    pub fn show(&mut self, report: &ReshardReport) -> Result<(), CliError> {
        let lines = match self.json {
            true => vec![serde_json::to_string(report).map_err(std::io::Error::from)?],
            false => lines(report),
        };
        let mut text = String::new();
        let redraws = self.terminal && !self.json;
        if redraws && !self.shown.is_empty() {
            text = format!("{}{}{}", REDRAW.0, self.shown.len(), REDRAW.1);
        }
        for line in lines.iter().filter(|line| redraws || !self.shown.contains(line)) {
            text.push_str(line);
            text.push('\n');
        }
        self.shown = lines;
        say(&text)
    }
}

/// How far it is, and each move.
pub fn lines(report: &ReshardReport) -> Vec<String> {
    let ReshardReport { stage, epoch, shards, goal, moves } = report;
    let head = match goal {
        None => format!("no reshard is under way: {shards} shards, epoch {epoch}"),
        Some(goal) => format!("{stage}: to {goal} shards, {shards} own slots now, epoch {epoch}"),
    };
    std::iter::once(head).chain(moves.iter().map(line)).collect()
}

/// One move, as far as its slowest taker is.
fn line(one: &MoveReport) -> String {
    let slowest = one.takers.iter().min_by_key(|taker| (taker.copied, taker.bytes, taker.slots));
    let percent = slowest.map_or(0, |taker| percent(one, taker));
    let filled = percent * BAR_CHARS / 100;
    let bar: String = (0..BAR_CHARS).map(|at| if at < filled { '#' } else { '.' }).collect();
    let whole = |taker: &TakerReport| taker.copied;
    let (bytes, keys) = match slowest {
        Some(taker) if !whole(taker) => (Some(taker.bytes), Some(taker.keys)),
        _ => (one.bytes, one.keys),
    };
    let known = |count: Option<u64>, text: fn(u64) -> String| count.map_or_else(|| "?".to_owned(), text);
    let eta_s = one.takers.iter().map(|taker| taker.eta_s).reduce(|one, other| Some(one?.max(other?))).flatten();
    format!(
        "{} -> {} {:>5} slots [{bar}] {percent:>3}% {} of {}, {} of {} keys, {} of {} nodes, eta {}",
        one.from,
        one.to,
        one.slots,
        known(bytes, size),
        known(one.bytes, size),
        known(keys, |keys| keys.to_string()),
        known(one.keys, |keys| keys.to_string()),
        one.takers.iter().filter(|taker| whole(taker)).count(),
        one.takers.len(),
        known(eta_s, |seconds| format!("{seconds} s")),
    )
}

/// By bytes where they are known; writes may have changed them since, so never above 100.
fn percent(one: &MoveReport, taker: &TakerReport) -> u64 {
    let of = |part: u64, whole: u64| part.saturating_mul(100).checked_div(whole).unwrap_or_default().min(100);
    match one.bytes {
        _ if taker.copied || taker.slots >= one.slots => 100,
        Some(bytes) if bytes > 0 => of(taker.bytes, bytes).min(99),
        _ => of(taker.slots.into(), one.slots.into()),
    }
}

/// Bytes in the largest unit that leaves a whole one.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let place = (bytes.max(1).ilog2() / 10).min(UNITS.len() as u32 - 1);
    match place {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / (1u64 << (10 * place)) as f64, UNITS[place as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taker(copied: bool, slots: u16, bytes: u64, eta_s: Option<u64>) -> TakerReport {
        TakerReport { node: "a:1".to_owned(), up: true, copied, slots, keys: bytes / 100, bytes, bytes_per_s: 1, eta_s }
    }

    fn report(takers: Vec<TakerReport>, bytes: Option<u64>) -> ReshardReport {
        let (from, to, keys) = ("s0".to_owned(), "s1".to_owned(), bytes.map(|bytes| bytes / 100));
        let moves = vec![MoveReport { from, to, slots: 10, ranges: vec![(0, 9)], keys, bytes, takers }];
        ReshardReport { stage: "copying".to_owned(), epoch: "0.4".to_owned(), shards: 1, goal: Some(2), moves }
    }

    #[test]
    fn a_move_is_as_far_as_its_slowest_taker() {
        let shown = lines(&report(vec![taker(true, 10, 4_000, Some(0)), taker(false, 5, 1_000, Some(7))], Some(4_000)));
        let line = "s0 -> s1    10 slots [#####...............]  25% 1000 B of 3.9 KiB, 10 of 40 keys, 1 of 2 nodes, eta 7 s";
        assert_eq!(shown, ["copying: to 2 shards, 1 own slots now, epoch 0.4", line]);
        let shown = lines(&report(vec![taker(false, 5, 1_000, None), taker(true, 10, 4_000, Some(0))], None));
        let line = "s0 -> s1    10 slots [##########..........]  50% 1000 B of ?, 10 of ? keys, 1 of 2 nodes, eta ?";
        assert_eq!(shown[1], line, "where no giver answered");
        let shown = lines(&report(vec![taker(true, 0, 0, Some(0))], Some(4_000)));
        let line = "s0 -> s1    10 slots [####################] 100% 3.9 KiB of 3.9 KiB, 40 of 40 keys, 1 of 1 nodes, eta 0 s";
        assert_eq!(shown[1], line, "who was restarted since has counted nothing");
    }

    #[test]
    fn bytes_have_a_unit() {
        let texts = [0, 1_023, 1_024, 1_536, 5 << 20, u64::MAX].map(size);
        assert_eq!(texts, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "16777216.0 TiB"]);
    }
}
