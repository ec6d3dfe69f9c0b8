//! Scenes to look at: the example of the protocol's document gone wrong, one whose every text is an attack, and a large one.

use causeway_sim::picture::{Edge, Fault, LaneId, Mark, Message, Operation, Scene, Standing};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Two shards. n1 is cut off, and answers a reader who has seen an effect as if its cause had never been.
pub fn small() -> Scene {
    let mut scene = Scene::new("Bob sees the photo, and then the album as it was before");
    scene.judge(Standing::Failed, "A2 reads follow the past: writes-follow-reads (causal)");
    scene.note("seed", 4711);
    scene.note("mutant", "skip-dependency-check");
    scene.plan =
        "seed = 4711\n\n[[fault]]\nat_ms = 2000\nfault = \"links\"\nbreakage = { partition = [1] }\nfor_ms = 7500\n".into();
    let (alice, bob) = (scene.session("alice"), scene.session("bob"));
    let [n0, n1, n2, n3] = [("n0", "s0"), ("n1", "s0"), ("n2", "s1"), ("n3", "s1")].map(|(name, shard)| scene.node(name, shard));
    let operation = |id, session, node, begun_us| Operation::new(id, session, node, begun_us).served(begun_us + 600);
    scene.operations = vec![
        operation(1, alice, n0, 200_000).put("album").answered(201_300, "created"),
        operation(2, bob, n1, 1_300_000).get("album").answered(1_301_500, "found #1"),
        operation(3, alice, n0, 4_100_000).put("album").answered(4_101_400, "overwrote"),
        operation(4, alice, n2, 4_102_500).put("photo").answered(4_104_000, "created"),
        operation(5, bob, n3, 6_200_000).get("photo").answered(6_201_300, "found #4"),
        operation(6, bob, n1, 6_202_000).get("album").answered(6_203_400, "found #1"),
        Operation::new(7, alice, n2, 7_100_000).put("photo").unknown(8_100_000, "no answer in 1000 ms").retried(1),
        operation(8, alice, n3, 8_700_000).put("photo").refused(8_701_100, "disk full"),
        operation(9, bob, n1, 9_800_000).get("album").answered(9_801_100, "found #3"),
    ];
    let push = |from, to, sent_us, key: &str| Message::new(from, to, sent_us).kind("push").carries(key).says("1 record, promise");
    scene.messages = vec![
        push(n0, n1, 200_700, "album").arrived(201_500),
        Message::new(n1, n0, 201_600).kind("push-ack").arrived(202_300),
        push(n0, n1, 4_100_700, "album").lost("cut"),
        push(n2, n3, 4_103_300, "photo").arrived(4_104_200),
        Message::new(n3, n2, 4_104_300).kind("push-ack").arrived(4_105_000),
        push(n0, n1, 9_700_000, "album").arrived(9_700_900),
    ];
    let nodes = [n0, n1, n2, n3];
    let pairs = nodes.into_iter().flat_map(|from| nodes.map(|to| (from, to))).filter(|(from, to)| from != to);
    scene.messages.extend((0..40).flat_map(|round| {
        pairs.clone().map(move |(from, to)| {
            let sent_us = round * 250_000 + from.0 as u64 * 7_000;
            Message::new(from, to, sent_us).kind("gossip").arrived(sent_us + 800)
        })
    }));
    let applied = |node: LaneId, at_us, key: &str, what: &str| Mark::new(node.at(at_us), "applied").key(key).says(what);
    scene.marks = vec![
        applied(n0, 200_600, "album", "#1 \"public\""),
        applied(n1, 201_500, "album", "#1 \"public\""),
        applied(n0, 4_100_600, "album", "#3 \"friends only\""),
        applied(n2, 4_103_100, "photo", "#4 \"beach\""),
        applied(n3, 4_104_200, "photo", "#4 \"beach\""),
        Mark::new(n0.at(5_600_000), "suspected").says("n1"),
        Mark::new(n1.at(5_600_000), "suspected").says("n0 n2 n3"),
        Mark::new(n2.at(8_200_000), "recovered").says("2 records"),
        applied(n1, 9_700_900, "album", "#3 \"friends only\""),
    ];
    scene.faults = vec![
        Fault::cut([vec![n1], vec![n0, n2, n3]], 2_000_000).until(9_500_000).says("n1 cut from the rest for 7500 ms"),
        Fault::disk([n3], 6_900_000).until(8_900_000).says("disk full"),
        Fault::down([n2], 7_000_000).until(8_200_000).says("n2 killed"),
        Fault::clock([n0], 8_600_000).at_once().says("clock +500 ms"),
    ];
    tell(&mut scene, [alice, bob, n0, n1]);
    scene
}

fn tell(scene: &mut Scene, [alice, bob, n0, n1]: [LaneId; 4]) {
    scene.red.operations = vec![3, 4, 5, 6];
    scene.tell("Bob is shown an effect and not its cause.");
    scene.because(
        Edge::arose(alice.at(4_101_400), alice.at(4_102_500)),
        "alice puts album = \"friends only\" (#3), and then photo = \"beach\" (#4): who sees the photo must see that album.",
    );
    scene.because(Edge::arose(alice.at(4_103_100), bob.at(6_200_600)), "bob gets photo at n3 and is shown #4.");
    scene.because(Edge::arose(bob.at(6_201_300), bob.at(6_202_000)), "In the same session, bob then gets album at n1.");
    scene.because(
        Edge::missing(n0.at(4_100_600), n1.at(6_202_600)).label("never arrived"),
        "n1 never received #3, being cut off, and answers with #1 instead of waiting or refusing.",
    );
}

/// Every text tries to be markup, a script, a place in the page's shell, or too much.
pub fn hostile() -> Scene {
    let attacks = [
        "<script>window.ran = 1</script>",
        "</script><script>window.ran = 2</script>",
        "<img src=x onerror=\"window.ran = 3\">",
        "<!--<script>",
        "[[data]] [[program]] $& `${window.ran = 4}`",
        "\" onload=\"window.ran = 5\" '",
        "]]>&lt;&amp;\u{2028}\u{202e}\u{0}\r\n\tend",
        "__proto__",
        "constructor",
    ];
    let long = "<b>".repeat(4_000);
    let mut texts = attacks.into_iter().chain([long.as_str(), ""]).cycle().map(str::to_owned);
    let mut text = || texts.next().expect("a cycle has no end");
    let mut scene = Scene::new(text());
    scene.judge(Standing::Failed, text());
    scene.note(text(), text());
    let sessions = [0; 3].map(|_| scene.session(text()));
    let nodes = [0; 8].map(|_| scene.node(text(), "</style><script>window.ran = 6</script>"));
    for id in 0..33u64 {
        let (session, node) = (sessions[id as usize % 3], nodes[id as usize % 8]);
        let at_us = id * 1_000;
        let operation = Operation::new(id, session, node, at_us).writes(text(), text());
        scene.operations.push(if id % 2 == 0 {
            operation.answered(at_us + 700, text())
        } else {
            operation.unknown(at_us + 900, text())
        });
        scene.messages.push(Message::new(node, nodes[0], at_us).kind(text()).carries(text()).says(text()).lost(text()));
        scene.marks.push(Mark::new(node.at(at_us), text()).key(text()).says(text()));
        scene.faults.push(Fault::other([node], at_us).until(at_us + 1_500).says(text()));
    }
    // What another program may write: lanes that are not there, and ends before beginnings.
    scene.operations.push(Operation::new(99, LaneId(77), nodes[0], 5).get("k").answered(1, "before"));
    scene.operations.push(Operation::new(100, sessions[0], nodes[0], 50_000).get("k").answered(1, "before"));
    scene.messages.push(Message::new(nodes[0], LaneId(78), 9).arrived(3));
    scene.messages.push(Message::new(nodes[0], nodes[1], 9_000).arrived(3));
    scene.marks.push(Mark::new(LaneId(79).at(3), "nowhere"));
    scene.faults.push(Fault::down([LaneId(80)], 9).until(3));
    scene.faults.push(Fault::links([(LaneId(81), nodes[0])], 0));
    scene.red.operations = vec![3, 4, 4_000_000];
    scene.red.marks = vec![2, 4_000_000];
    scene.because(Edge::missing(sessions[0].at(3_000), nodes[1].at(9_000)).label(text()), text());
    scene.tell(text());
    scene.plan = attacks.join("\n");
    scene
}

/// 5,000 operations of 12 sessions, 50,000 messages of 5 nodes, all kinds of faults, in a minute.
pub fn large() -> Scene {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut scene = Scene::new("5,000 operations under the whole menu of faults");
    scene.judge(Standing::Failed, "A2 reads follow the past: monotonic reads");
    let sessions: Vec<LaneId> = (0..12).map(|number| scene.session(format!("c{number}"))).collect();
    let nodes: Vec<LaneId> = (0..5).map(|number| scene.node(format!("n{number}"), format!("s{}", number / 3))).collect();
    for id in 0..5_000u64 {
        let begun_us = id * 12_000 + random.random_range(0..9_000);
        let operation = Operation::new(id, sessions[id as usize % 12], nodes[random.random_range(0..5)], begun_us);
        let key = format!("k{}", random.random_range(0..12));
        let operation = if random.random_range(0..3) == 0 { operation.put(key) } else { operation.get(key) };
        let took_us = random.random_range(900..4_000);
        scene.operations.push(match random.random_range(0..30) {
            0 => operation.unknown(begun_us + 120_000, "no answer"),
            1 => operation.refused(begun_us + took_us, "503"),
            _ => operation.served(begun_us + took_us / 2).answered(begun_us + took_us, format!("found #{}", id / 2)),
        });
    }
    for number in 0..50_000u64 {
        let sent_us = number * 1_200;
        let from = random.random_range(0..5);
        let kind = ["push", "push-ack", "pull", "pull-answer", "gossip"][random.random_range(0..5)];
        let message = Message::new(nodes[from], nodes[(from + random.random_range(1..5)) % 5], sent_us).kind(kind);
        let message = message.says(format!("{} records, promise {sent_us}", number % 4));
        let lost = random.random_range(0..25) == 0;
        scene.messages.push(if lost { message.lost("cut") } else { message.arrived(sent_us + random.random_range(300..1_500)) });
        if number % 10 == 0 {
            scene.marks.push(Mark::new(nodes[from].at(sent_us), "applied").key(format!("k{}", number % 12)).says("a record"));
        }
    }
    for number in 0..30u64 {
        let (node, other) = (nodes[number as usize % 5], nodes[(number as usize + 1) % 5]);
        let from_us = number * 2_000_000;
        let rest = nodes.iter().copied().filter(|lane| *lane != node).collect();
        let fault = match number % 7 {
            0 => Fault::down([node], from_us).says("killed"),
            1 => Fault::paused([node], from_us).says("paused"),
            2 => Fault::cut([vec![node], rest], from_us).says("cut from all others"),
            3 => Fault::one_way([(node, other)], from_us).says("nothing passes"),
            4 => Fault::links([(node, other)], from_us).says("held back"),
            5 => Fault::disk([node], from_us).says("20 times slower"),
            _ => Fault::clock([node], from_us).says("drifts"),
        };
        scene.faults.push(fault.until(from_us + 900_000));
    }
    accuse(&mut scene, 2_500);
    scene
}

/// Three operations of three sessions, as if the last had not seen the first.
fn accuse(scene: &mut Scene, first: usize) {
    let [a, b, c] = [first, first + 1, first + 13].map(|at| scene.operations[at].clone());
    scene.red.operations = vec![a.id, b.id, c.id];
    scene.because(Edge::arose(a.session.at(a.begun_us), b.session.at(b.begun_us)), "One session writes, another reads it.");
    scene.because(Edge::arose(b.session.at(b.begun_us + 500), c.session.at(c.begun_us)), "It asks again.");
    scene.because(Edge::missing(a.session.at(a.begun_us), c.session.at(c.begun_us + 400)), "And is shown what is older.");
}
