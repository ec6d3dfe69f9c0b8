//! Pages in a real browser: they are drawn without an error, what does not hold is in red, whatever a history says stays text.
//!
//! With Chromium on the path; without it these tests say so and pass, but where `CI` is set they fail. `scripts/browser-test` gets
//! it there. The pages stay in the target folder, to be looked at.
#![expect(clippy::disallowed_macros, reason = "who looks at a measurement reads it on the terminal")]

mod browser;
mod review;
mod scenes;

use std::collections::BTreeMap;

use browser::{Clock, Visit, visit};
use causeway_sim::picture::{Divergence, Side, compare_page, page, shiviz};

/// What does things with a page of [`scenes::small`], as a user would, and writes down what it found.
const PROBE: &str = include_str!("probe.js");

/// What is wrong with a page that has so many red edges.
fn complaints(visit: &Visit, red_edges: usize) -> Vec<String> {
    let facts = visit.facts("rendered");
    let mut complaints = visit.console.clone();
    let mut expect = |name: &str, wanted: &str| {
        let found = facts.get(name).map_or("nothing", String::as_str);
        if found != wanted {
            complaints.push(format!("data-{name} is {found}, not {wanted}"));
        }
    };
    expect("state", "yes");
    expect("errors", "0");
    expect("red-edges", &red_edges.to_string());
    let drawn = visit.dom.matches("data-edge=\"").count();
    if drawn != red_edges {
        complaints.push(format!("{drawn} edges are drawn, not {red_edges}"));
    }
    complaints
}

/// A page with a script after its own. Frames come by the clock: the browser draws none that nobody sees.
fn scripted(page: &str, script: &str) -> String {
    let frames = "<head><script>window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 16);</script>";
    page.replacen("<head>", frames, 1).replace("</body>", &format!("<script>{script}</script></body>"))
}

fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_violation_is_drawn_and_told() {
    let Some(visit) = visit("small", &page(&scenes::small()), Clock::Simulated) else { return };
    expect_none(&complaints(&visit, 4));
    for part in [
        "class=\"edge missing\"",
        "class=\"edge arose\"",
        "put album",
        "never arrived",
        "What does not hold",
        "n1 never received #3",
    ] {
        assert!(visit.dom.contains(part), "{part} is not on the page");
    }
}

#[test]
fn a_broken_page_is_noticed() {
    let whole = page(&scenes::small());
    let breakages = [
        ("an error at once", "const SVG =", "null.broken; const SVG ="),
        ("an error while drawing", "function paintRed(", "function paintRed() { null.broken; } function unused("),
        ("no edge", "for (const edge of frame.model.red)", "for (const edge of [])"),
        ("a complaint", "explain(JSON", "console.error('planted'); explain(JSON"),
        ("data that is none", "\"lanes\":[", "\"lanes\":[,"),
        ("somebody asked", "explain(JSON", "fetch('http://127.0.0.1:9/x'); explain(JSON"),
    ];
    for (number, (what, good, bad)) in breakages.into_iter().enumerate() {
        let broken = whole.replacen(good, bad, 1);
        assert_ne!(broken, whole, "{what}: there is nothing to break");
        let Some(visit) = visit(&format!("broken-{number}"), &broken, Clock::Simulated) else { return };
        assert_ne!(complaints(&visit, 4), Vec::<String>::new(), "{what} was not noticed");
    }
}

#[test]
fn what_a_history_says_stays_text() {
    let scene = scenes::hostile();
    let probe = "document.body.append(Object.assign(document.createElement('output'), { id: 'probe' }));
        Object.assign(document.getElementById('probe').dataset, { ran: String(window.ran), images: document.images.length,
        scripts: document.scripts.length, title: String(document.querySelector('h1').textContent === document.title) });";
    let Some(visit) = visit("hostile", &scripted(&page(&scene), probe), Clock::Simulated) else { return };
    expect_none(&complaints(&visit, 1));
    let found = visit.facts("probe");
    let wanted = [("images", "0"), ("ran", "undefined"), ("scripts", "4"), ("title", "true")];
    assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn five_thousand_operations_are_drawn() {
    let scene = scenes::large();
    let (operations, messages) = (scene.operations.len(), scene.messages.len());
    assert_eq!((operations, messages), (5_000, 50_000));
    let html = page(&scene);
    // Each key draws at once. Reading a pixel makes the browser finish what was drawn.
    let walk = "
        window.requestAnimationFrame = (draw) => { draw(performance.now()); return 0; };
        const stage = document.querySelector('.stage');
        const press = (key) => {
            const began = performance.now();
            stage.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true }));
            return performance.now() - began;
        };
        const began = performance.now();
        press('f');
        document.querySelector('canvas.paper').getContext('2d').getImageData(0, 0, 1, 1);
        const whole = performance.now() - began;
        const steps = [...'+++++++++++++++++++---------'].map(press).sort((a, b) => a - b);
        const probe = Object.assign(document.createElement('output'), { id: 'probe' });
        Object.assign(probe.dataset, { whole: whole.toFixed(0), median: steps[14].toFixed(1), worst: steps.at(-1).toFixed(1) });
        document.body.append(probe);";
    let Some(visit) = visit("large", &html.replace("</body>", &format!("<script>{walk}</script></body>")), Clock::Real) else {
        return;
    };
    expect_none(&complaints(&visit, 3));
    let facts = visit.facts("rendered");
    assert_eq!((&*facts["operations"], &*facts["messages"]), ("5000", "50000"));
    let probe = visit.facts("probe");
    println!(
        "{} MB, shown {} ms after loading; all of it drawn in {} ms, a step of zooming in {} ms, at most {} ms",
        html.len() / 1_000_000,
        facts["load-ms"],
        probe["whole"],
        probe["median"],
        probe["worst"]
    );
}

#[test]
fn keys_wheel_clicks_and_choices_do_what_they_say() {
    let Some(visit) = visit("probed", &scripted(&page(&scenes::small()), PROBE), Clock::Simulated) else { return };
    expect_none(&visit.console);
    let found = visit.facts("probe");
    let failed: BTreeMap<_, _> = found.iter().filter(|(_, value)| *value != "yes").collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(found.len(), PROBE.matches("  expect(\"").count(), "{found:?}");
}

#[test]
fn two_sides_show_their_first_difference() {
    let side = |name: &str, lines: &str| Side::of_text(name, lines).with_scene(scenes::small());
    let (old, new) = (side("old", "a\nb <i>\nc"), side("new", "a\nb <b>\nc"));
    let divergence = Divergence::between(&old, &new).unwrap().at(Some(6_203_400), Some(6_203_400)).says("bob gets another album");
    let Some(visit) = visit("compare", &compare_page(&old, &new, Some(&divergence)), Clock::Simulated) else { return };
    expect_none(&complaints(&visit, 8));
    let facts = visit.facts("rendered");
    assert_eq!((&*facts["diagrams"], &*facts["first-lines"]), ("2", "1"));
    assert!(visit.dom.contains("b &lt;b&gt;") && visit.dom.contains("bob gets another album"));
}

#[test]
fn two_equal_sides_of_text_are_the_same() {
    let side = Side::of_text("either", "a\nb");
    let Some(visit) = visit("same", &compare_page(&side, &side, None), Clock::Simulated) else { return };
    expect_none(&visit.console);
    let facts = visit.facts("rendered");
    assert_eq!((&*facts["diagrams"], &*facts["first-lines"], &*facts["errors"]), ("0", "0", "0"));
    assert!(visit.dom.contains("Both sides are the same."));
}

/// What ShiViz demands of a log: each event of a host raises the host's entry by one, from 1, no entry falls, and none is ahead of
/// its host.
#[test]
fn logs_have_clocks_that_a_reader_accepts() {
    for (name, scene) in [("small", scenes::small()), ("large", scenes::large())] {
        let log = shiviz(&scene);
        std::fs::write(browser::folder().join(format!("{name}.shiviz.log")), &log).expect("the target folder can be written");
        assert_eq!(hosts_of(&log), scene.lanes.len());
    }
}

/// Reads a log as ShiViz does, and counts its hosts.
fn hosts_of(log: &str) -> usize {
    let mut clocks: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    let mut last = 0.0;
    for event in log.lines().skip(2).collect::<Vec<_>>().chunks(2) {
        let [(time, _), (host, clock)] = [event[0], event[1]].map(|line| line.split_once(' ').expect("two parts"));
        let time: f64 = time.parse().expect("seconds");
        assert!(last <= time, "{last} before {time}");
        last = time;
        let clock: BTreeMap<String, u64> = serde_json::from_str(clock).expect("a clock is JSON");
        let before = clocks.insert(host, clock.clone()).unwrap_or_default();
        assert_eq!(clock[host], before.get(host).unwrap_or(&0) + 1, "{host} {clock:?}");
        assert!(before.iter().all(|(other, seen)| clock[other] >= *seen), "{host} forgets");
        assert!(clock.iter().all(|(other, seen)| clocks[&**other][other] >= *seen), "{host} has seen what was not yet");
    }
    clocks.len()
}
