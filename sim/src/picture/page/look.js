// What is under the pointer, and what there is to say about it.

/** How near, in pixels, the pointer must be. */
const REACH = 6;

/** The item at a place, or a moment of a lane, or nothing. */
function lookAt(frame, x, y) {
  return operationAt(frame, x, y) || markAt(frame, x, y) || frame.labels.at(x, y) || messageAt(frame, x, y) || faultAt(frame, x, y) || momentAt(frame, x, y);
}

function laneAt(frame, y) {
  let best = null;
  for (const lane of frame.model.shownLanes) {
    if (!best || Math.abs(frame.y(lane) - y) < Math.abs(frame.y(best) - y)) best = lane;
  }
  return best && Math.abs(frame.y(best) - y) <= frame.laneHeight / 2 ? best : null;
}

function operationAt(frame, x, y) {
  const lane = laneAt(frame, y);
  if (!lane || Math.abs(frame.y(lane) - y) > BAR + 3) return null;
  return nearest(lane.operations, (item) => Math.max(frame.x(item.a) - x, x - frame.x(item.b), 0));
}

function markAt(frame, x, y) {
  const lane = laneAt(frame, y);
  if (!lane || Math.abs(frame.y(lane) - y) > REACH) return null;
  return nearest(lane.marks, (item) => Math.abs(frame.x(item.a) - x));
}

function messageAt(frame, x, y) {
  return nearest(frame.messages, (item) => {
    const [x0, y0, x1, y1] = ends(frame, item);
    if (x < Math.min(x0, x1) - REACH || x > Math.max(x0, x1) + REACH) return Infinity;
    const length = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
    const share = clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, item.lost ? 0.45 : 1);
    return Math.hypot(x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y) + 1;
  });
}

function faultAt(frame, x, y) {
  const inside = (box) => x >= box.x - 2 && x <= box.x + box.width + 2 && y >= box.y && y <= box.y + box.height;
  const box = frame.boxes.findLast(inside);
  return box ? box.item : null;
}

function momentAt(frame, x, y) {
  const lane = laneAt(frame, y);
  const time_us = frame.model.scale.timeAt(frame.view.u + x / frame.view.k);
  return lane && time_us >= 0 ? { type: "moment", lane: lane.id, from_us: time_us, to_us: time_us } : null;
}

function nearest(items, distance) {
  let best = null;
  let least = REACH;
  for (const item of items) {
    if (!item.shown) continue;
    const away = distance(item);
    if (away < least) [best, least] = [item, away];
  }
  return best;
}

/** A heading and rows of name and value. */
function describe(model, item) {
  const name = (lane) => model.lanes[lane].name;
  const when = (from_us, to_us) => (to_us === from_us ? moment(from_us) : `${moment(from_us)} to ${moment(to_us)}, ${span(to_us - from_us)}`);
  switch (item.type) {
    case "operation": {
      const { op } = item;
      const ending = { answered: "answered", refused: "refused: it never takes effect", unknown: "unknown: it may have taken effect", pending: "under way at the end" };
      return { heading: `#${op.id} ${op.kind} ${op.key}`, red: item.red, rows: [
        ["session", name(op.session)], ["node", name(op.node)], ["time", when(item.from_us, item.to_us)],
        ["at the node", typeof op.served_us === "number" ? moment(op.served_us) : ""], ["ending", ending[op.ending]], ["outcome", op.outcome],
        ["sent", op.retried ? `${op.retried + 1} times` : ""],
      ] };
    }
    case "message": {
      const { message } = item;
      const fate = item.lost ? `lost: ${message.fate.lost}` : item.underWay ? "under way at the end" : `arrived ${moment(item.to_us)}, after ${span(item.to_us - item.from_us)}`;
      return { heading: message.kind || "message", rows: [
        ["way", `${name(message.from)} \u2192 ${name(message.to)}`], ["sent", moment(item.from_us)], ["fate", fate],
        ["keys", (message.keys ?? []).join(" ")], ["says", message.text],
      ] };
    }
    case "mark": {
      const { kind, key, text } = item.mark;
      return { heading: `${kind} ${key ?? ""}`, red: item.red, rows: [["lane", name(item.lane)], ["time", moment(item.from_us)], ["says", text]] };
    }
    case "fault":
      return { heading: item.fault.text || LOOKS[item.fault.look], fault: true, rows: [["lanes", affectedLanes(item.fault).filter((lane) => model.lanes[lane]).map(name).join(" ")], ["time", when(item.from_us, item.to_us)]] };
    default:
      return describeMoment(model, item);
  }
}

/** The state of a lane: what is wrong with it, and the newest that is known of each thing. */
function describeMoment(model, { lane, from_us }) {
  const { faults, newest } = model.stateOf(model.lanes[lane], from_us);
  const rows = faults.map((item) => ["fault", item.fault.text || LOOKS[item.fault.look]]);
  for (const item of newest.slice(0, 14)) {
    if (item.op) rows.push([item.op.key || "last", `#${item.op.id} ${item.op.kind} \u2192 ${item.op.outcome}`]);
    else rows.push([`${item.mark.kind} ${item.mark.key ?? ""}`, `${item.mark.text} (${moment(item.from_us, 1000)})`]);
  }
  if (newest.length > 14) rows.push(["", `and ${newest.length - 14} older`]);
  if (!rows.length) rows.push(["", "nothing is known yet"]);
  return { heading: `${model.lanes[lane].name} at ${moment(from_us)}`, rows };
}

/** A description as elements. */
function card(model, item) {
  const { heading, rows, red, fault } = describe(model, item);
  return element("div", { class: `card${red ? " red" : ""}${fault ? " fault" : ""}` },
    element("h3", {}, heading.trim()),
    element("dl", {}, rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
  );
}

/** A description as one line, to be spoken. */
function spoken(model, item) {
  const { heading, rows } = describe(model, item);
  return [heading.trim(), ...rows.filter(([, value]) => value).map(([name, value]) => `${name} ${value}`)].join(", ");
}
