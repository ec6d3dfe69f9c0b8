// The page of two sides: both diagrams, linked, then both texts, the first difference marked in all.

/** So many equal lines before the difference, and lines after it, are shown until more are asked for. */
const AROUND = 30;

function compare({ sides, divergence }) {
  const began = performance.now();
  const verdictText = divergence ? divergence.text || `The first difference is in line ${divergence.line + 1}.` : "Both sides are the same.";
  document.body.classList.add("comparison");
  document.body.append(element("header", {}, element("h1", {}, element("span", { class: "old" }, sides[0].name), " against ", element("span", { class: "new" }, sides[1].name)),
    element("p", { class: `verdict ${divergence ? "failed" : "passed"}` }, verdictText)));
  const host = element("main", { class: "stacked" });
  document.body.append(host);
  const panels = sides.map((side, number) => scenePart(host, side, divergence, number));
  host.hidden = !panels.some(Boolean);
  link(panels.filter(Boolean).map(({ diagram }) => diagram));
  document.body.append(texts(sides, divergence));
  for (const panel of panels) {
    if (!panel) continue;
    panel.diagram.layout();
    if (panel.diagram.flag && panel.model.operations.length > 60) panel.diagram.focus([panel.diagram.flag.at_us]);
    else panel.diagram.fit();
    panel.diagram.draw();
  }
  const first = panels.find(Boolean);
  if (first) reportCounts(first.diagram);
  document.querySelector(".line.first")?.scrollIntoView({ block: "center" });
  window.scrollTo(0, 0);
  Object.assign(document.getElementById("rendered").dataset, { state: "yes", loadMs: (performance.now() - began).toFixed(1), diagrams: panels.filter(Boolean).length,
    firstLines: document.querySelectorAll(".line.first").length, redEdges: document.querySelectorAll(".edge").length, errors: trouble.count });
}

function scenePart(host, side, divergence, number) {
  const { scene } = side;
  if (!scene || !scene.lanes.length) return null;
  const at_us = divergence ? [divergence.old_us, divergence.new_us][number] : null;
  const flag = typeof at_us === "number" ? { at_us, text: "first difference" } : null;
  const part = element("section", { class: "part" }, element("h2", {}, element("span", { class: number ? "new" : "old" }, side.name), scene.title ? ` ${scene.title}` : ""));
  host.append(part);
  return scenePanel(part, scene, { name: side.name, flag, beside: false, onview: (diagram) => diagram.onview?.() });
}

/** Moving one moves the other to the same span of time. */
function link(diagrams) {
  let leader = null;
  for (const diagram of diagrams) {
    diagram.onview = () => {
      if (leader) return;
      leader = diagram;
      const { scale } = diagram.model;
      const span_us = [scale.timeAt(diagram.view.u), scale.timeAt(diagram.view.u + diagram.width / diagram.view.k)];
      for (const other of diagrams) {
        if (other === diagram) continue;
        if (diagram.isWhole()) other.fit();
        else other.show(...span_us);
      }
      leader = null;
    };
  }
}

/** Both texts in step, line by line, around the first difference. */
function texts(sides, divergence) {
  const longest = Math.max(...sides.map((side) => side.lines.length));
  const first = divergence ? divergence.line : longest;
  const has = sides.map((side) => new Set(side.lines));
  const body = element("tbody");
  const state = { from: Math.max(0, (divergence ? first : 0) - AROUND), to: Math.min(longest, (divergence ? first : 0) + AROUND) };
  const line = (at) => element("tr", { class: `line${at === first ? " first" : ""}${at > first ? " after" : ""}` },
    element("td", { class: "number" }, String(at + 1)),
    sides.map((side, number) => {
      const text = side.lines[at];
      const alone = text !== undefined && at >= first && !has[1 - number].has(text);
      return element("td", { class: `text ${number ? "new" : "old"}${alone ? " alone" : ""}${text === undefined ? " none" : ""}` }, text ?? "");
    }));
  const rows = (from, to) => Array.from({ length: to - from }, (_, at) => line(from + at));
  const earlier = element("button", { type: "button", onclick: () => {
    const from = Math.max(0, state.from - 200);
    body.prepend(...rows(from, state.from));
    state.from = from;
    say();
  } });
  const later = element("button", { type: "button", onclick: () => {
    const to = Math.min(longest, state.to + 200);
    body.append(...rows(state.to, to));
    state.to = to;
    say();
  } });
  const say = () => {
    earlier.hidden = state.from === 0;
    later.hidden = state.to === longest;
    earlier.textContent = `${counted(state.from, "earlier line")}, the same on both sides`;
    later.textContent = counted(longest - state.to, "later line");
  };
  body.append(...rows(state.from, state.to));
  say();
  const head = element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "number" }, "line"), sides.map((side, number) => element("th", { scope: "col", class: number ? "new" : "old" }, side.name))));
  return element("section", { class: "texts" }, earlier, element("table", {}, head, body), later);
}

compare(JSON.parse(document.getElementById("data").textContent));
