//! A scene as one HTML file that needs nothing else: no network, no library, no font.
//!
//! The scene is in it as JSON, and a program of a few hundred lines draws it. Whatever a history says, a key named `<script>` or a
//! value full of quotes, stays text: JSON is written without `<`, the program puts text into the page as text only, and the page's
//! own policy lets it load nothing.

use serde::Serialize;

use super::Scene;

const SHELL: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");

/// The program, in the order in which its parts build on each other.
const PARTS: [&str; 12] = [
    include_str!("page/text.js"),
    include_str!("page/time.js"),
    include_str!("page/model.js"),
    include_str!("page/labels.js"),
    include_str!("page/faults.js"),
    include_str!("page/paint.js"),
    include_str!("page/axis.js"),
    include_str!("page/red.js"),
    include_str!("page/look.js"),
    include_str!("page/diagram.js"),
    include_str!("page/menus.js"),
    include_str!("page/panel.js"),
];
const EXPLAIN: &str = include_str!("page/explain.js");

/// The page of one scene.
pub fn page(scene: &Scene) -> String {
    Sheet { title: &scene.title, data: scene, main: EXPLAIN }.html()
}

/// What makes one page differ from another.
pub(super) struct Sheet<'a, T> {
    /// What the window is called.
    pub title: &'a str,
    /// What the program is given.
    pub data: &'a T,
    /// The part of the program that comes last.
    pub main: &'static str,
}

impl<T: Serialize> Sheet<'_, T> {
    /// The whole file.
    pub fn html(&self) -> String {
        let json = serde_json::to_string(self.data).expect("text and numbers can be written");
        let program = PARTS.into_iter().chain([self.main]).collect::<Vec<_>>().join("\n");
        let pieces = [("title", text(self.title)), ("style", STYLE.into()), ("data", json_in_html(&json)), ("program", program)];
        // One pass, so that no piece is searched for the place of another.
        let mut html = String::new();
        let mut rest = SHELL;
        for (name, piece) in pieces {
            let (before, after) =
                rest.split_once(&format!("[[{name}]]")).expect("the shell has a place for each piece, in order");
            html += before;
            html += &piece;
            rest = after;
        }
        html + rest
    }
}

/// JSON that ends no script element and begins no comment: `<` stands only within strings there, and may be written otherwise.
fn json_in_html(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Text between tags.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Fault, Message, Operation};

    #[test]
    fn nothing_in_a_scene_ends_the_script_element() {
        let mut scene = Scene::new("</title><script>alert(1)</script>");
        scene.session("</script><img src=x onerror=alert(2)>");
        scene.plan = "[[program]] [[data]] <!-- <script>".into();
        let html = page(&scene);
        let elements = html.matches("<script").count();
        assert_eq!((elements, html.matches("</script").count()), (2, 2), "the page's own two");
        assert!(!html.contains("<img"));
        assert!(html.contains("<title>&lt;/title>&lt;script>alert(1)&lt;/script></title>"));
    }

    #[test]
    fn a_scene_is_read_as_it_was_written() {
        let mut scene = Scene::new("<a> & \"b\"\u{2028}");
        let (alice, n0) = (scene.session("alice"), scene.node("n0", "s0"));
        scene.operations.push(Operation::new(1, alice, n0, 5).put("<!--").unknown(9, "gone"));
        scene.messages.push(Message::new(n0, n0, 6).lost("cut"));
        scene.faults.push(Fault::cut([vec![n0], vec![alice]], 7));
        let json = json_in_html(&serde_json::to_string(&scene).unwrap());
        assert!(!json.contains('<'));
        assert_eq!(serde_json::from_str::<Scene>(&json).unwrap(), scene);
    }

    #[test]
    fn a_page_asks_nobody_for_anything() {
        let html = page(&Scene::default());
        assert!(html.contains("default-src 'none'"));
        // The name of SVG is an address that nobody is asked for; `url(#tip)` is an element of the page.
        let html = html.replace("http://www.w3.org/2000/svg", "").replace("url(#tip)", "");
        for address in ["http:", "https:", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
            assert!(!html.contains(address), "{address}");
        }
    }
}
