// What does not hold, in red, above everything: an overlay of SVG elements, one group an edge, so that it can be pointed at, read
// by a screen reader and found by a test.

/** The edges and the words of red items. Rebuilt whenever the view moves; there are few. */
function paintRed(frame, overlay, { lit, onEdge }) {
  overlay.replaceChildren(arrowTips());
  for (const { item, x, y, name, rest } of redWords(frame)) {
    overlay.append(
      shape("text", { class: "red-word", x, y, "data-operation": item.op ? item.op.id : undefined },
        shape("tspan", { class: "name" }, name), shape("tspan", { class: "rest" }, rest)),
    );
  }
  const badges = [];
  for (const edge of frame.model.red) {
    const drawn = edgeShape(frame, edge);
    if (!drawn) continue;
    const dim = lit !== null && lit !== edge.number;
    const group = shape("g", { role: "img", "aria-label": `${edge.number + 1}: ${edge.sentence}`, class: `edge ${edge.bond}${lit === edge.number ? " lit" : ""}${dim ? " dim" : ""}`, "data-edge": edge.number },
      shape("path", { class: "under", d: drawn.path }),
      shape("path", { class: "line", d: drawn.path, "marker-end": "url(#tip)" }),
      shape("path", { class: "reach", d: drawn.path, onmouseenter: () => onEdge("enter", edge.number), onmouseleave: () => onEdge("leave", edge.number), onclick: () => onEdge("click", edge.number) }),
    );
    badges.push(badge(frame, edge, drawn, { dim, onEdge }));
    overlay.append(group);
  }
  overlay.append(...badges);
}

function badge(frame, edge, { middle: [x, y], flat }, { dim, onEdge }) {
  const group = shape("g", { class: `badge${dim ? " dim" : ""}`, transform: `translate(${x} ${y})`, onclick: () => onEdge("click", edge.number), onmouseenter: () => onEdge("enter", edge.number), onmouseleave: () => onEdge("leave", edge.number) },
    shape("circle", { r: 8.5 }), shape("text", { y: 0.5 }, String(edge.number + 1)));
  if (edge.label) group.append(shape("text", { class: "label", x: 13, y: flat ? -11 : 0.5 }, short(edge.label)));
  return group;
}

function arrowTips() {
  return shape("defs", {}, shape("marker", { id: "tip", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto" },
    shape("path", { d: "M0 1 L10 5 L0 9 Z" })));
}

/** A curve between lanes, a line along one. Null when a lane is hidden or the edge is out of view. */
function edgeShape(frame, edge) {
  const { lanes, scale } = frame.model;
  const [from, to] = [lanes[edge.from.lane], lanes[edge.to.lane]];
  if (!from.shown || !to.shown) return null;
  const [x0, x1] = [frame.x(scale.unitsAt(edge.from.at_us)), frame.x(scale.unitsAt(edge.to.at_us))];
  const [y0, y1] = [frame.y(from), frame.y(to)];
  if (Math.max(x0, x1) < -200 || Math.min(x0, x1) > frame.width + 200) return null;
  if (from === to) {
    // The badge of a short one would hide it: it stands where the words do not.
    const aside = Math.abs(x1 - x0) < 34 ? -redSide(frame, from.id) * 17 : 0;
    return { path: `M${x0} ${y0} L${x1} ${y0}`, points: [[x0, y0], [x1, y0]], middle: [visibleMiddle(frame, x0, x1), y0 + aside], flat: true };
  }
  const down = Math.sign(y1 - y0);
  const [begin, end] = [y0 + down * (BAR + 1), y1 - down * (BAR + 2)];
  const bend = (end - begin) * 0.42;
  const controls = [[x0, begin], [x0, begin + bend], [x1, end - bend], [x1, end]];
  const points = Array.from({ length: 25 }, (_, at) => onCurve(controls, at / 24));
  const [p, q, r, s] = controls.map((point) => point.join(" "));
  return { path: `M${p} C${q} ${r} ${s}`, points, middle: onCurve(controls, 0.5), flat: Math.abs(end - begin) < Math.abs(x1 - x0) };
}

function onCurve([a, b, c, d], t) {
  const mix = (axis) => (1 - t) ** 3 * a[axis] + 3 * (1 - t) ** 2 * t * b[axis] + 3 * (1 - t) * t * t * c[axis] + t ** 3 * d[axis];
  return [mix(0), mix(1)];
}

/** Where the words of what is red on a lane stand: below (1) when all edges to other lanes come from above, else above (-1). */
function redSide(frame, id) {
  const { lanes, red } = frame.model;
  const others = red.flatMap(({ from, to }) => (from.lane === id ? [to.lane] : to.lane === id ? [from.lane] : [])).filter((lane) => lane !== id);
  return others.length && others.every((lane) => lanes[lane].y < lanes[id].y) ? 1 : -1;
}

function visibleMiddle(frame, x0, x1) {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
  const [from, to] = [Math.max(left, 16), Math.min(right, frame.width - 16)];
  return from < to ? (from + to) / 2 : (left + right) / 2;
}

/** Where the words of red operations and marks stand. */
function redWords(frame) {
  const { context, labels, model } = frame;
  const found = [];
  const boxes = [];
  const clash = (box) => boxes.some((other) => box.x < other.x + other.width && other.x < box.x + box.width && box.y < other.y + other.height && other.y < box.y + box.height);
  for (const item of model.redItems) {
    if (!model.lanes[item.lane].shown) continue;
    const x = Math.max(frame.x(item.a), Math.min(4, frame.x(item.b)));
    if (frame.x(item.b) < -4 || x > frame.width) continue;
    const lane = frame.y(model.lanes[item.lane]);
    const [name, rest] = item.op ? operationWords(item.op, model) : [short(`${item.mark.kind} ${item.mark.key ?? ""}`), ` ${short(item.mark.text)}`];
    context.font = frame.fonts.name;
    let width = labels.width(context, name);
    context.font = frame.fonts.small;
    width += labels.width(context, rest);
    const side = redSide(frame, item.lane);
    for (const step of [15, 29, 43]) {
      const box = { x: x - 2, y: lane + side * step - 7, width: width + 8, height: 14 };
      if (clash(box) && step < 43) continue;
      boxes.push(box);
      found.push({ item, box, x, y: lane + side * step, name, rest });
      break;
    }
  }
  return found;
}

/** What the overlay covers, so that no other word is written there. */
function* redPlaces(frame) {
  for (const { box, item } of redWords(frame)) yield { box, item };
  for (const edge of frame.model.red) {
    const drawn = edgeShape(frame, edge);
    if (!drawn) continue;
    for (const [x, y] of drawn.points) yield { box: { x: x - 4, y: y - 4, width: 8, height: 8 } };
    const [x, y] = drawn.middle;
    yield { box: { x: x - 11, y: y - 11, width: edge.label ? 90 : 22, height: 22 } };
  }
}
