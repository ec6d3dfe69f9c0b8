// The diagram on its canvas, from the back to the front: breaks, lanes, faults, messages, operations, marks, words.
// Only what is in view is drawn, and of messages that fall on the same pixels one.

/** Above so many messages in view they are thinned. */
const THIN_ABOVE = 4000;
/** Above so many operations in view their calls are not drawn, nor is room left for words. */
const CALLS_UP_TO = 400;
/** Above so many messages in view none is named. */
const NAMED_UP_TO = 80;
const BAR = 5;

function paint(frame) {
  const { context } = frame;
  context.clearRect(0, 0, frame.width, frame.height);
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.lineJoin = "round";
  frame.labels.clear();
  frame.boxes.length = 0;
  paintBreaks(frame);
  paintLanes(frame);
  reserveRed(frame);
  paintCuts(frame);
  frame.messages = [...frame.model.within(frame.model.messages, frame.from, frame.to)];
  paintMessages(frame);
  const operations = [...frame.model.within(frame.model.operations, frame.from, frame.to)];
  const marks = [...frame.model.within(frame.model.marks, frame.from, frame.to)];
  paintCalls(frame, operations);
  paintLaneFaults(frame);
  paintOperations(frame, operations);
  paintMarks(frame, marks);
  wordsOfOperations(frame, operations);
  wordsOfMarks(frame, marks);
  if (frame.messages.length <= NAMED_UP_TO) wordsOfMessages(frame);
  frame.drawn = { operations: operations.length, messages: frame.messages.length, marks: marks.length };
}

function paintBreaks(frame) {
  const { context, colours } = frame;
  context.fillStyle = colours.gap;
  for (const gap of frame.model.scale.breaks) {
    const [from, to] = [frame.x(gap.from), frame.x(gap.to)];
    if (to < 0 || from > frame.width || to - from < 3) continue;
    context.fillRect(from, 0, to - from, frame.height);
  }
}

function paintLanes(frame) {
  const { context, colours } = frame;
  for (const lane of frame.model.shownLanes) {
    const y = Math.round(frame.y(lane)) + 0.5;
    context.strokeStyle = lane.kind === "node" ? colours.lane : colours.rule;
    context.lineWidth = lane.kind === "node" ? 1.5 : 1;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(frame.width, y);
    context.stroke();
  }
}

/** What is red is drawn in the overlay; its places are taken before anyone asks. */
function reserveRed(frame) {
  for (const { box, item } of redPlaces(frame)) frame.labels.take(box, item);
}

function paintMessages(frame) {
  const { context, colours, messages } = frame;
  const drawn = messages.length > THIN_ABOVE ? thinned(frame) : messages;
  frame.strokes = drawn.length;
  const arrived = new Path2D();
  const heads = new Path2D();
  const lost = new Path2D();
  for (const item of drawn) {
    const [x0, y0, x1, y1] = ends(frame, item);
    if (item.lost) {
      // As far as it got is not known: a stub that ends in a cross.
      const [x, y] = [x0 + (x1 - x0) * 0.4, y0 + (y1 - y0) * 0.4];
      lost.moveTo(x0, y0);
      lost.lineTo(x, y);
      if (drawn.length >= NAMED_UP_TO * 8) continue;
      for (const side of [-1, 1]) {
        lost.moveTo(x - 3.2, y - 3.2 * side);
        lost.lineTo(x + 3.2, y + 3.2 * side);
      }
      continue;
    }
    arrived.moveTo(x0, y0);
    arrived.lineTo(x1, y1);
    if (drawn.length < NAMED_UP_TO * 8 && !item.underWay) arrowHead(heads, x0, y0, x1, y1);
  }
  const thin = Math.sqrt((frame.width * 0.14) / Math.max(drawn.length, 1));
  context.globalAlpha = clamp(thin, 0.14, 1);
  context.strokeStyle = context.fillStyle = colours.message;
  context.lineWidth = drawn.length > 1500 ? 0.6 : 1;
  context.stroke(arrived);
  context.fill(heads);
  context.globalAlpha = clamp(thin * 1.6, 0.3, 1);
  context.strokeStyle = colours.fault;
  context.stroke(lost);
  context.globalAlpha = 1;
}

function thinned(frame) {
  const seen = new Set();
  const columns = Math.ceil(frame.width / 2) + 1;
  const lanes = frame.model.lanes.length;
  return frame.messages.filter((item) => {
    const column = clamp(Math.round(frame.x(item.a) / 2), 0, columns);
    const name = ((item.message.from * lanes + item.message.to) * columns + column) * 2 + (item.lost ? 1 : 0);
    return seen.size < seen.add(name).size;
  });
}

function ends(frame, item) {
  const { lanes } = frame.model;
  return [frame.x(item.a), frame.y(lanes[item.message.from]), frame.x(item.b), frame.y(lanes[item.message.to])];
}

function arrowHead(path, x0, y0, x1, y1) {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [dx, dy] = [(x1 - x0) / length, (y1 - y0) / length];
  path.moveTo(x1, y1);
  path.lineTo(x1 - 7 * dx + 2.6 * dy, y1 - 7 * dy - 2.6 * dx);
  path.lineTo(x1 - 7 * dx - 2.6 * dy, y1 - 7 * dy + 2.6 * dx);
  path.closePath();
}

/** A call to the node and the answer, where it is known when the node did it. */
function paintCalls(frame, operations) {
  const { context, colours, model } = frame;
  if (operations.length > CALLS_UP_TO) return;
  context.globalAlpha = clamp(Math.sqrt(40 / Math.max(operations.length, 1)), 0.3, 1);
  context.strokeStyle = colours.call;
  context.lineWidth = 1;
  context.setLineDash([2, 2.5]);
  context.beginPath();
  for (const item of operations) {
    const { served_us, node } = item.op;
    const lane = model.lanes[node];
    if (typeof served_us !== "number" || !lane.shown) continue;
    const [x, y, x1, y1] = [frame.x(model.scale.unitsAt(served_us)), frame.y(lane), frame.x(item.a), frame.y(model.lanes[item.lane])];
    context.moveTo(x1, y1);
    context.lineTo(x, y);
    if (typeof item.op.ended_us === "number") context.lineTo(frame.x(item.b), y1);
  }
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function paintOperations(frame, operations) {
  if (operations.length > CALLS_UP_TO) {
    paintManyOperations(frame, operations);
    return;
  }
  const half = Math.min(BAR, frame.laneHeight * 0.3);
  for (const item of operations) {
    const x = frame.x(item.a);
    const width = Math.max(frame.x(item.b) - x, 3);
    const y = frame.y(frame.model.lanes[item.lane]);
    bar(frame, item, { x, y: y - half, width, height: 2 * half });
  }
}

/** Too many for outlines: writes dark, reads light, what nobody knows lightest. */
function paintManyOperations(frame, operations) {
  const { context, colours } = frame;
  const half = Math.min(BAR, frame.laneHeight * 0.3);
  const strong = ({ op }) => (op.ending === "unknown" || op.ending === "pending" ? 0.22 : op.effect === "write" ? 0.9 : 0.45);
  for (const red of [false, true]) {
    context.fillStyle = red ? colours.red : colours.operation;
    for (const item of operations) {
      if (item.red !== red) continue;
      const x = frame.x(item.a);
      context.globalAlpha = red ? 1 : strong(item);
      context.fillRect(x, frame.y(frame.model.lanes[item.lane]) - half, Math.max(frame.x(item.b) - x, 1.6), 2 * half);
    }
  }
  context.globalAlpha = 1;
}

/** Filled when it writes, hollow when it reads; without an end when nobody knows it. */
function bar(frame, item, { x, y, width, height }) {
  const { context, colours } = frame;
  const colour = item.red ? colours.red : item.op.ending === "refused" ? colours.muted : colours.operation;
  const open = item.op.ending === "unknown" || item.op.ending === "pending";
  const left = Math.max(x, -20);
  const right = Math.min(x + width, frame.width + 20);
  if (right <= left) return;
  const radius = Math.min(2.5, width / 2);
  context.beginPath();
  context.roundRect(left, y, right - left, height, open ? [radius, 0, 0, radius] : radius);
  let paper = colours.paper;
  let ink = colour;
  if (open && right - left > 8) {
    ink = context.createLinearGradient(left, 0, right, 0);
    ink.addColorStop(0, colour);
    ink.addColorStop(0.35, colour);
    ink.addColorStop(1, colours.faded(colour));
  }
  context.fillStyle = item.op.effect === "write" && item.op.ending !== "refused" ? ink : paper;
  context.fill();
  context.strokeStyle = ink;
  context.lineWidth = item === frame.marked ? 3 : 1.4;
  if (open) context.setLineDash([3, 2]);
  context.stroke();
  context.setLineDash([]);
}

function paintMarks(frame, marks) {
  const { context, colours } = frame;
  const radius = marks.length > 500 ? 1.2 : 2.8;
  for (const ink of ["mark", "red"]) {
    context.beginPath();
    for (const item of marks) {
      if ((ink === "red") !== item.red) continue;
      const [x, y] = [frame.x(item.a), frame.y(frame.model.lanes[item.lane])];
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 7);
    }
    context.fillStyle = colours[ink];
    context.fill();
  }
}

function wordsOfOperations(frame, operations) {
  const plain = operations.filter((item) => !item.red && item !== frame.marked);
  const style = { colour: frame.colours.ink, tails: tailsFor(frame, plain, 150) };
  const write = (item, how) => {
    const [name, rest] = operationWords(item.op, frame.model);
    words(frame, item, { name, rest, x: Math.max(frame.x(item.a), 4), ...how });
  };
  if (frame.marked && frame.marked.op && !frame.marked.red) write(frame.marked, { ...style, tails: "first" });
  if (style.tails) for (const item of plain) write(item, style);
}

function wordsOfMarks(frame, marks) {
  const plain = marks.filter((item) => !item.red);
  const style = { colour: frame.colours.muted, tails: tailsFor(frame, plain, 130), light: true };
  if (!style.tails) return;
  for (const item of plain) {
    const { kind, key, text } = item.mark;
    words(frame, item, { name: short(key ? `${kind} ${key}` : kind), rest: text ? short(` ${text}`, 60) : "", x: frame.x(item.a) - 3, ...style });
  }
}

/**
 * Whether there is room for most words with their tails ("first"), for most names alone ("never"), or for too few to be worth
 * reading (null): a few words among many bars would look chosen and are not.
 */
function tailsFor(frame, items, wide) {
  const lanes = new Set(items.map((item) => item.lane)).size;
  const room = lanes * rowsBeside(frame).length * frame.width;
  if (items.length * wide < room) return "first";
  return items.length * wide < room * 2.6 ? "never" : null;
}

/** Beside a lane's line: above it, below it, or further above; whole, or without what comes after the name. */
function words(frame, item, { name, rest, x, colour, tails, light }) {
  const { context, colours, labels } = frame;
  if (x > frame.width - 8) return;
  const y = frame.y(frame.model.lanes[item.lane]);
  for (const tail of tails === "first" && rest ? [rest, ""] : [""]) {
    context.font = frame.fonts.small;
    const restWidth = tail ? labels.width(context, tail) : 0;
    const nameFont = light ? frame.fonts.small : frame.fonts.name;
    context.font = nameFont;
    const nameWidth = labels.width(context, name);
    // At the right end they move left rather than out of view.
    const left = Math.max(4, Math.min(x, frame.width - nameWidth - restWidth - 6));
    for (const dy of rowsBeside(frame)) {
      const box = { x: left - 2, y: y + dy - 7, width: nameWidth + restWidth + 6, height: 14 };
      if (!labels.isFree(box)) continue;
      labels.take(box, item);
      context.font = nameFont;
      haloed(frame, name, left, y + dy, colour);
      context.font = frame.fonts.small;
      if (tail) haloed(frame, tail, left + nameWidth, y + dy, colours.muted);
      return;
    }
  }
}

function rowsBeside(frame) {
  if (frame.laneHeight >= 62) return [-14, 15, -28];
  if (frame.laneHeight >= 40) return [-13, 14];
  return frame.laneHeight >= 26 ? [-11] : [];
}

function haloed(frame, text, x, y, colour) {
  const { context, colours } = frame;
  context.strokeStyle = colours.paper;
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** A message's kind, in the first third of its way. */
function wordsOfMessages(frame) {
  const { context, colours, labels } = frame;
  context.font = frame.fonts.small;
  for (const item of frame.messages) {
    const text = short(item.message.kind) + (item.lost ? ", lost" : "");
    if (!text) continue;
    const [x0, y0, x1, y1] = ends(frame, item);
    const width = labels.width(context, text);
    const [x, y] = [x0 + (x1 - x0) * 0.36 + 5, y0 + (y1 - y0) * 0.36];
    const box = { x, y: y - 6, width, height: 12 };
    if (x < 0 || !labels.isFree(box)) continue;
    labels.take(box, item);
    haloed(frame, text, x, y, item.lost ? colours.fault : colours.muted);
  }
}

/** What is written beside an operation: what it is, and what came of it. */
function operationWords(op, model) {
  const node = short(model.lanes[op.node].name, 20);
  const again = op.retried ? `, sent ${op.retried + 1} times` : "";
  const came = op.ending === "pending" ? "under way" : op.outcome;
  return [short(op.key ? `${op.kind} ${op.key}` : op.kind), ` at ${node}${again}${came ? ` \u2192 ${short(came)}` : ""}`];
}
