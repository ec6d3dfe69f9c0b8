// What stands beside and below the diagram: the story, what is pinned, the list of operations, the plan.

/** The story: each sentence that tells of an edge is a button, numbered as the edge is. */
class Story {
  constructor(scene, { point, choose }) {
    this.buttons = new Map();
    const lines = (scene.story ?? []).map((sentence) => {
      const { edge } = sentence;
      if (edge === undefined || edge === null) return element("li", { class: "aside" }, sentence.text);
      const button = element("button", { type: "button", "aria-pressed": "false", onmouseenter: () => point(edge), onmouseleave: () => point(null),
        onfocus: () => point(edge), onblur: () => point(null), onclick: () => choose(edge) },
      element("span", { class: "number", "aria-hidden": "true" }, String(edge + 1)), element("span", {}, sentence.text));
      this.buttons.set(edge, button);
      const bond = scene.red.edges[edge]?.bond;
      return element("li", { class: bond === "missing" ? "missing" : "arose" }, button);
    });
    this.root = lines.length ? element("section", { class: "story" }, element("h2", {}, this.buttons.size ? "What does not hold" : "What happened"), element("ol", {}, lines)) : null;
  }

  /** Shows which sentence is lit, and which is chosen. */
  light(lit, chosen) {
    for (const [edge, button] of this.buttons) {
      button.classList.toggle("lit", edge === lit);
      button.setAttribute("aria-pressed", String(edge === chosen));
    }
  }
}

/** What is known of the item that was clicked, with what can be done about it. */
function pinned(diagram, item, { again }) {
  const { model } = diagram;
  const tools = [];
  const button = (text, act) => tools.push(element("button", { type: "button", onclick: act }, text));
  const key = item.op ? item.op.key : item.mark ? item.mark.key : null;
  button("Centre", () => diagram.focus([item.from_us, item.to_us]));
  if (key && model.keys.has(key)) {
    button(`Only ${short(key, 24)}`, () => {
      for (const [name, choice] of model.keys) choice.shown = name === key;
      again();
    });
  }
  button("Unpin", () => diagram.pin(null));
  return element("section", { class: "pinned" }, card(model, item), element("p", { class: "quick" }, tools));
}

/** Every operation as a row of a table, for who cannot see the diagram, or wants to read. Made when it is opened, part by part. */
function operationList(diagram) {
  const { model } = diagram;
  const body = element("tbody");
  const part = 500;
  let done = 0;
  const more = element("button", { type: "button", onclick: () => add() });
  const add = () => {
    for (const item of model.operations.slice(done, done + part)) body.append(row(diagram, item));
    done = Math.min(done + part, model.operations.length);
    more.hidden = done >= model.operations.length;
    more.textContent = `Show more: ${grouped(done)} of ${grouped(model.operations.length)} are listed`;
  };
  const head = ["#", "begun", "ended", "session", "node", "operation", "outcome"].map((name) => element("th", { scope: "col" }, name));
  return element("details", { class: "fold", ontoggle: (event) => { if (event.target.open && !done) add(); } },
    element("summary", {}, `All ${counted(model.operations.length, "operation")} as a list`),
    element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, head)), body)), more);
}

function row(diagram, item) {
  const { op } = item;
  const { lanes } = diagram.model;
  const visit = element("button", { type: "button", title: "Show in the diagram", onclick: () => diagram.visit(item) }, String(op.id));
  const cells = [visit, moment(op.begun_us), op.ended_us === undefined ? "" : moment(op.ended_us), lanes[op.session].name, lanes[op.node].name, `${op.kind} ${op.key}`, op.outcome || op.ending];
  return element("tr", { class: item.red ? "red" : null }, cells.map((cell) => element("td", {}, cell)));
}

function planFold(plan) {
  return plan ? element("details", { class: "fold" }, element("summary", {}, "The plan of this run"), element("pre", { tabindex: "0" }, plan)) : null;
}

/** The line under the title: which run it was, and how much there is. */
function facts(scene, model) {
  const about = (scene.about ?? []).map(([name, value]) => [name, value]);
  const nodes = scene.lanes.filter((lane) => lane.kind === "node").length;
  const counts = [counted(nodes, "node"), counted(scene.lanes.length - nodes, "session"), counted(model.operations.length, "operation"), counted(model.messages.length, "message"), span(model.end_us)];
  return element("p", { class: "facts" },
    about.map(([name, value]) => element("span", {}, element("b", {}, name), ` ${value}`)), counts.map((text) => element("span", {}, text)));
}

function verdict(scene) {
  const { standing = "unjudged", text = "" } = scene.verdict ?? {};
  return text ? element("p", { class: `verdict ${standing}` }, text) : null;
}

/** A diagram with its toolbar, story and pinned item, wired to each other. */
function scenePanel(host, scene, { name, flag, beside, onview = () => {} }) {
  const model = new Model(scene);
  let chosen = null;
  const frame = element("div", { class: "diagram" });
  const detail = element("div", { class: "detail" });
  const light = (edge) => {
    const lit = edge ?? chosen;
    diagram.light(lit);
    story.light(lit, chosen);
  };
  const choose = (edge) => {
    chosen = chosen === edge ? null : edge;
    light(null);
    if (chosen !== null) diagram.focusRed(model.red.filter(({ number }) => number === chosen));
  };
  const story = new Story(scene, { point: light, choose });
  const column = element("div", { class: "column" }, frame);
  host.append(column);
  const nothing = () => (beside ? [element("p", { class: "nothing" }, "Click anything in the diagram to keep here what is known of it.")] : []);
  detail.append(...nothing());
  if (beside) host.append(element("aside", {}, story.root, detail));
  else column.append(detail);
  const told = (what, subject, number) => {
    if (what === "view") onview(diagram);
    else if (what === "pin") detail.replaceChildren(...(subject ? [pinned(diagram, subject, { again })] : nothing()));
    else if (subject === "click") choose(number);
    else if (subject === "enter") light(number);
    else if (number === chosen && number !== null) choose(number);
    else light(null);
  };
  const diagram = new Diagram(frame, model, { name, told, flag });
  let tools = null;
  const again = () => {
    diagram.refresh();
    const fresh = toolbar(diagram, { changed: report });
    tools.replaceWith(fresh);
    tools = fresh;
    report();
  };
  const report = () => reportCounts(diagram);
  tools = toolbar(diagram, { changed: report });
  column.prepend(tools);
  column.append(legend(model));
  return { diagram, model, story };
}

/** For who tests the page: what there is, what is shown, how long it took. */
function reportCounts(diagram) {
  const { model } = diagram;
  const shown = model.counts();
  Object.assign(document.getElementById("rendered").dataset, {
    operations: model.operations.length, messages: model.messages.length, redEdges: diagram.overlay.querySelectorAll(".edge").length,
    shownOperations: shown.operations, shownMessages: shown.messages, breaks: model.scale.breaks.length, errors: trouble.count,
  });
}
