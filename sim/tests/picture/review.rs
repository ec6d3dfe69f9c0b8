//! The page of snapshots that changed: a list, and in a frame the comparison of the one that is chosen.

use causeway_sim::review::{Pending, page};

use super::{
    browser::{Clock, visit},
    complaints, expect_none, scripted,
};

const OLD: &str = "\
# Why.

cluster nodes=2
alice put x 1 at n0
  n0: answered alice 201 created
  n0 n1: applied x=1
bob get x at n1
  n1: answered bob 200 x=1
";

/// Chooses a snapshot, and tells what its frame says of itself.
const PROBE: &str = "
    const told = document.body.appendChild(Object.assign(document.createElement('output'), { id: 'rendered', hidden: true }));
    frame.addEventListener('load', () => setTimeout(() => {
        Object.assign(told.dataset, frame.contentDocument.getElementById('rendered').dataset);
        told.dataset.lines = frame.contentDocument.querySelector('.line.first').textContent;
        told.dataset.scrolled = String(document.scrollingElement.scrollTop);
    }, 1000));
    show(buttons[CHOSEN]);
";

#[test]
fn the_chosen_snapshot_is_shown_with_both_diagrams_and_the_first_difference() {
    let change = |name: &str, old: &str, new: &str| Pending { name: name.to_owned(), old: old.to_owned(), new: new.to_owned() };
    let pending = [
        change("a.snap", OLD, &OLD.replace("200 x=1", "404 Key does not exist")),
        change("b.snap", "no account\n</script>", "no account\n<b>\"&amp;\"</b>"),
    ];
    for (chosen, diagrams, lines) in [
        (0, "2", "8  n1: answered bob 200 x=1  n1: answered bob 404 Key does not exist"),
        (1, "0", "2&lt;/script&gt;&lt;b&gt;&quot;&amp;amp;&quot;&lt;/b&gt;"),
    ] {
        let page = scripted(&page(&pending), &PROBE.replace("CHOSEN", &chosen.to_string()));
        let Some(visit) = visit(&format!("review-{chosen}"), &page, Clock::Simulated) else { return };
        expect_none(&complaints(&visit, 0));
        let facts = visit.facts("rendered");
        assert_eq!((&*facts["diagrams"], &*facts["first-lines"], &*facts["scrolled"]), (diagrams, "1", "0"));
        assert_eq!(facts["lines"], lines);
    }
}
