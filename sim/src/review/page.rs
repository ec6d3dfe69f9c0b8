//! All snapshots that changed, on one page: a list, and the comparison of the one that is chosen.

use super::{
    Pending,
    align::{Row, align},
};
use crate::{
    picture::{Divergence, Side, compare_page},
    scenario::{Account, scene, time_of_line},
};

const PAGE: &str = include_str!("page.html");

/// The page. It needs nothing but itself.
pub fn page(pending: &[Pending]) -> String {
    let list = pending.iter().map(|change| {
        let (text, page) = compare(change);
        let (name, text, page) = (escape(&change.name), escape(&text), escape(&page));
        format!("<li><button data-page=\"{page}\">{name} <span>{text}</span></button></li>")
    });
    let title = match pending.len() {
        1 => "1 snapshot changed".to_owned(),
        count => format!("{count} snapshots changed"),
    };
    PAGE.replace("TITLE", &title).replacen("LIST", &list.collect::<String>(), 1)
}

/// What differs first, and the page of both sides.
fn compare(change: &Pending) -> (String, String) {
    let rows = align(&change.old, &change.new);
    let divergence = rows.iter().position(|row| !row.is_shared()).map(|line| {
        let time = |text: &str, before: usize| Account::read(text).map(|account| time_of_line(&account, before));
        let before = |side: fn(&Row<'_>) -> bool| rows[..line].iter().filter(|row| side(row)).count();
        let old_us = time(&change.old, before(|row| row.old.is_some()));
        let new_us = time(&change.new, before(|row| row.new.is_some()));
        Divergence { line, old_us, new_us, text: first_difference(change, &rows[..=line]) }
    });
    let old = side(change, "old", (&change.old, rows.iter().map(|row| row.old)));
    let new = side(change, "new", (&change.new, rows.iter().map(|row| row.new)));
    let text = divergence.as_ref().map_or("The text is the same.", |found| &found.text).to_owned();
    (text, compare_page(&old, &new, divergence.as_ref()))
}

/// One side: its lines as they stand in the rows, and its picture if it is an account.
fn side<'a>(change: &Pending, name: &str, (text, lines): (&str, impl Iterator<Item = Option<&'a str>>)) -> Side {
    let scene = Account::read(text).and_then(|account| scene(&change.name, &account));
    Side { name: name.to_owned(), scene, lines: lines.map(|line| line.unwrap_or_default().to_owned()).collect() }
}

/// The last of these rows in one sentence, with the command that it stands under.
fn first_difference(change: &Pending, rows: &[Row<'_>]) -> String {
    let Some((Row { old, new }, before)) = rows.split_last().filter(|_| !change.old.is_empty()) else {
        return "It is new.".to_owned();
    };
    let is_told = |line: &Option<&str>| line.is_some_and(|line| line.starts_with(' '));
    let is_command = |line: &&str| !line.is_empty() && !line.starts_with([' ', '#']);
    let command = before.iter().rev().find_map(|row| row.new.filter(is_command)).filter(|_| is_told(old) || is_told(new));
    let under = command.map(|command| format!("Under '{command}': ")).unwrap_or_default();
    let change = match (old.map(str::trim), new.map(str::trim)) {
        (Some(old), Some(new)) => format!("'{old}' became '{new}'"),
        (Some(old), None) => format!("'{old}' is gone"),
        (None, Some(new)) => format!("'{new}' is new"),
        (None, None) => "nothing differs".to_owned(),
    };
    format!("{under}{change}.")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "# Why.\n\ncluster nodes=2\nalice get x at n0\n  n0: answered alice 200 x=1\n";

    fn change(old: &str, new: &str) -> Pending {
        Pending { name: "snapshots/a.snap".to_owned(), old: old.to_owned(), new: new.to_owned() }
    }

    #[test]
    fn the_first_difference_is_told_with_its_command() {
        let told = |old: &str, new: &str| compare(&change(old, new)).0;
        let changed = "Under 'alice get x at n0': 'n0: answered alice 200 x=1' became 'n0: answered alice 200 x=2'.";
        assert_eq!(told(OLD, &OLD.replace("x=1", "x=2")), changed);
        let added = OLD.replace("  n0", "  n0: waited for what it lacked\n  n0");
        assert_eq!(told(OLD, &added), "Under 'alice get x at n0': 'n0: waited for what it lacked' is new.");
        assert_eq!(told("a\nb", "a"), "'b' is gone.");
        assert_eq!(told("", OLD), "It is new.");
        assert_eq!(told(OLD, OLD), "The text is the same.");
    }

    #[test]
    fn a_page_lists_all_and_holds_the_comparison_of_each() {
        let page = page(&[change(OLD, "<b>"), change("", OLD)]);
        assert!(page.contains("<title>2 snapshots changed</title>") && page.ends_with("</html>\n"));
        assert_eq!(page.matches("<button data-page=").count(), 2);
        assert!(!page.contains("<b>") && page.contains("became '&lt;b&gt;'"));
    }
}
