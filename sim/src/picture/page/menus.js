// What is shown: menus of keys, lanes, kinds of messages and kinds of marks, each name with its count.

/** Above so many names a menu has a field to find one. */
const FIND_ABOVE = 12;

/** Every control of a diagram, in one row. */
function toolbar(diagram, { changed }) {
  const { model } = diagram;
  const again = () => {
    diagram.refresh();
    changed();
  };
  const button = (text, title, act) => element("button", { type: "button", title, onclick: act }, text);
  const lanes = new Map(model.order.map((lane) => [lane.name, lane]));
  const compress = element("input", { type: "checkbox", checked: true, onchange: () => {
    model.broken = compress.checked;
    again();
  } });
  return element("div", { class: "tools", role: "toolbar", "aria-label": "What is shown" },
    element("span", { class: "cluster" },
      button("Fit", "Everything (F)", () => diagram.fit()),
      model.red.length ? button("Violation", "What does not hold (V)", () => diagram.focusRed()) : null,
      button("\u2212", "Farther (minus)", () => diagram.zoom(1 / 1.6)), button("+", "Nearer (plus)", () => diagram.zoom(1.6))),
    element("span", { class: "cluster" },
      menu("Keys", model.keys, { again, only: model.redKeys.size ? ["violation", (name) => model.redKeys.has(name)] : null }),
      menu("Lanes", lanes, { again }),
      menu("Messages", model.kinds, { again }),
      menu("Marks", model.markKinds, { again })),
    element("label", { class: "check" }, compress, "Break idle time"),
    finder(diagram),
  );
}

/** A list of names to be ticked; `choices` has by name whether it is shown, and how often it occurs. */
function menu(title, choices, { again, only }) {
  if (!choices.size) return null;
  const summary = element("summary", {}, title);
  const boxes = new Map();
  const say = () => {
    const shown = [...choices.values()].filter((choice) => choice.shown).length;
    summary.textContent = shown === choices.size ? title : `${title} ${shown}/${choices.size}`;
    summary.classList.toggle("partial", shown !== choices.size);
    for (const [name, box] of boxes) box.checked = choices.get(name).shown;
  };
  const set = (wanted) => {
    for (const [name, choice] of choices) choice.shown = wanted(name);
    say();
    again();
  };
  const rows = [...choices].map(([name, choice]) => {
    const box = element("input", { type: "checkbox", onchange: () => {
      choice.shown = box.checked;
      say();
      again();
    } });
    boxes.set(name, box);
    const count = choice.count === undefined ? null : element("span", { class: "count" }, grouped(choice.count));
    const alone = element("button", { type: "button", class: "alone", title: "Only this", onclick: () => set((other) => other === name) }, "only");
    return element("li", {}, element("label", {}, box, element("span", { class: "name" }, name || "(none)"), count), alone);
  });
  const find = choices.size > FIND_ABOVE ? element("input", { type: "search", placeholder: "Find", "aria-label": `Find in ${title}`, oninput: () => {
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(find.value.toLowerCase());
  } }) : null;
  const quick = (text, wanted) => element("button", { type: "button", onclick: () => set(wanted) }, text);
  const made = element("details", { class: "menu", onkeydown: (event) => {
    if (event.key !== "Escape") return;
    made.open = false;
    summary.focus();
  } }, summary, element("div", { class: "sheet" },
    element("div", { class: "quick" }, quick("all", () => true), quick("none", () => false), only ? quick(...only) : null), find, element("ul", {}, rows)));
  document.addEventListener("pointerdown", (event) => { if (!made.contains(event.target)) made.open = false; });
  say();
  return made;
}

/** Goes to the next operation or mark whose description has these words. */
function finder(diagram) {
  const { model } = diagram;
  let last = -1;
  const field = element("input", { type: "search", placeholder: "Find #3, key, outcome", "aria-label": "Find an operation or a mark; Enter goes to the next", onkeydown: (event) => {
    if (event.key !== "Enter" || !field.value) return;
    const words = field.value.toLowerCase();
    const all = [...model.operations, ...model.marks].filter((item) => item.shown).sort((a, b) => a.a - b.a);
    const has = (item) => searchable(item).toLowerCase().includes(words);
    const step = event.shiftKey ? -1 : 1;
    for (let tries = 1; tries <= all.length; tries += 1) {
      const at = (last + step * tries + all.length * 2) % all.length;
      if (!has(all[at])) continue;
      last = at;
      field.classList.remove("missing");
      diagram.visit(all[at]);
      return;
    }
    field.classList.add("missing");
  }, oninput: () => {
    last = -1;
    field.classList.remove("missing");
  } });
  return element("span", { class: "find" }, field);
}

function searchable({ op, mark }) {
  return op ? `#${op.id} ${op.kind} ${op.key} ${op.outcome}` : `${mark.kind} ${mark.key ?? ""} ${mark.text}`;
}

/** What the signs mean. */
function legend(model) {
  const sign = (...parts) => shape("svg", { viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true" }, ...parts);
  const has = (look) => model.faults.some((item) => look.includes(item.fault.look));
  const rows = [
    [true, "write", sign(shape("rect", { class: "bar filled", x: 2, y: 2, width: 22, height: 8, rx: 2 }))],
    [true, "read", sign(shape("rect", { class: "bar", x: 2, y: 2, width: 22, height: 8, rx: 2 }))],
    [model.operations.some((item) => ["unknown", "pending"].includes(item.op.ending)), "outcome unknown", sign(shape("path", { class: "bar open", d: "M24 2 H4 A2 2 0 0 0 2 4 V8 A2 2 0 0 0 4 10 H24" }))],
    [model.messages.length > 0, "message", sign(shape("path", { class: "way", d: "M2 2 L22 9" }), shape("path", { class: "tip", d: "M24 10 L18.5 10 L20 5.8 Z" }))],
    [model.messages.some((item) => item.lost), "lost", sign(shape("path", { class: "lost", d: "M2 2 L16 7 M12.5 4 L19.5 10 M12.5 10 L19.5 4" }))],
    [model.marks.length > 0, "event at a node", sign(shape("circle", { class: "dot", cx: 13, cy: 6, r: 3 }))],
    [has(["down"]), "down", sign(shape("path", { class: "hatch", d: "M2 11 L11 1 M8 11 L17 1 M14 11 L23 1" }))],
    [has(["paused"]), "paused", sign(shape("path", { class: "hatch", d: "M5 1 V11 M11 1 V11 M17 1 V11 M23 1 V11" }))],
    [has(["cut"]), "cut", sign(shape("path", { class: "cutline", d: "M1 6 H25" }))],
    [has(["link", "clock", "disk", "other"]), "link, clock or disk at fault", sign(shape("path", { class: "rail", d: "M2 4 V8 H24 V4" }))],
    [model.red.length > 0, "the violated dependency", sign(shape("path", { class: "redline", d: "M2 6 H24" }))],
    [model.red.some((edge) => edge.bond === "missing"), "what was not seen", sign(shape("path", { class: "redline missing", d: "M2 6 H24" }))],
  ];
  return element("ul", { class: "legend", "aria-label": "Legend" }, rows.filter(([wanted]) => wanted).map(([, text, made]) => element("li", {}, made, text)));
}
