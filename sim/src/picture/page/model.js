// The scene as the page works with it: items with a beginning and an end, indexed by lane and by time, and what is shown of them.

class Model {
  constructor(scene) {
    this.scene = scene;
    this.lanes = scene.lanes.map((lane, id) => ({ ...lane, id, shown: true, operations: [], marks: [], faults: [] }));
    const known = (lane) => Number.isInteger(lane) && lane >= 0 && lane < this.lanes.length;
    const red = { edges: [], operations: [], marks: [], ...scene.red };
    const redOperations = new Set(red.operations);
    const redMarks = new Set(red.marks);
    const sentence = (number) => (scene.story ?? []).find((told) => told.edge === number)?.text ?? "";
    this.red = red.edges.map((edge, number) => ({ ...edge, number, sentence: sentence(number) })).filter((edge) => known(edge.from.lane) && known(edge.to.lane));
    this.end_us = lastMoment(scene);
    this.operations = scene.operations.filter((op) => known(op.session) && known(op.node)).map((op) => ({
      type: "operation", op, lane: op.session, from_us: op.begun_us, to_us: Math.max(op.begun_us, op.ended_us ?? this.end_us),
      red: redOperations.has(op.id), shown: true,
    })).sort((a, b) => a.from_us - b.from_us);
    this.marks = scene.marks.map((mark, index) => ({
      type: "mark", mark, lane: mark.lane, from_us: mark.at_us, to_us: mark.at_us, red: redMarks.has(index), shown: true,
    })).filter((item) => known(item.lane)).sort((a, b) => a.from_us - b.from_us);
    this.unit_us = this.#unit();
    this.messages = scene.messages.filter((message) => known(message.from) && known(message.to)).map((message) => ({
      type: "message", message, lane: message.from, from_us: message.sent_us, to_us: this.#arrival(message), shown: true,
      lost: typeof message.fate === "object" && message.fate.lost !== undefined, underWay: message.fate === "under-way",
    })).sort((a, b) => a.from_us - b.from_us);
    this.faults = scene.faults.map((fault) => ({
      type: "fault", fault, from_us: fault.from_us, to_us: Math.max(fault.from_us, fault.until_us ?? this.end_us), shown: true,
    }));
    for (const item of this.operations) this.lanes[item.lane].operations.push(item);
    for (const item of this.marks) this.lanes[item.lane].marks.push(item);
    for (const item of this.faults) for (const lane of affectedLanes(item.fault)) if (known(lane)) this.lanes[lane].faults.push(item);
    for (const items of [this.operations, this.messages, this.marks]) items.latest = latestSoFar(items);
    this.redItems = [...this.operations, ...this.marks].filter((item) => item.red);
    this.order = order(this.lanes);
    this.messagesSayKeys = this.messages.some((item) => item.message.keys && item.message.keys.length);
    const background = new Set(scene.background);
    this.keys = tally(this.operations, (item) => item.op.key);
    this.kinds = tally(this.messages, (item) => item.message.kind, background);
    this.markKinds = tally(this.marks, (item) => item.mark.kind, background);
    this.redKeys = new Set(this.operations.filter((item) => item.red).map((item) => item.op.key));
    this.broken = true;
    this.refresh();
  }

  /** Works out again what is shown, and where it stands, after a choice has changed. */
  refresh() {
    const chosen = (choices, name) => !choices.has(name) || choices.get(name).shown;
    const allKeys = [...this.keys.values()].every((choice) => choice.shown);
    const lanes = this.lanes;
    for (const item of this.operations) item.shown = lanes[item.lane].shown && (item.red || chosen(this.keys, item.op.key));
    for (const item of this.messages) {
      const { from, to, kind, keys = [] } = item.message;
      const carries = allKeys || !this.messagesSayKeys || keys.some((key) => chosen(this.keys, key));
      item.shown = lanes[from].shown && lanes[to].shown && carries && chosen(this.kinds, kind);
    }
    for (const item of this.marks) {
      const { kind, key } = item.mark;
      const about = key === undefined || key === null || chosen(this.keys, key);
      item.shown = lanes[item.lane].shown && (item.red || (chosen(this.markKinds, kind) && about));
    }
    this.scale = new TimeScale(this.#moments(), this.unit_us, this.broken ? "broken" : "whole");
    for (const items of [this.operations, this.messages, this.marks, this.faults]) {
      for (const item of items) {
        item.a = this.scale.unitsAt(item.from_us);
        item.b = item.to_us === item.from_us ? item.a : this.scale.unitsAt(item.to_us);
      }
    }
    this.shownLanes = this.order.filter((lane) => lane.shown);
  }

  /** How many items of each kind are shown. */
  counts() {
    const count = (items) => items.reduce((sum, item) => sum + (item.shown ? 1 : 0), 0);
    return { operations: count(this.operations), messages: count(this.messages), marks: count(this.marks) };
  }

  operation(id) {
    return this.operations.find((item) => item.op.id === id);
  }

  /** Items that are shown and overlap a span, in units. */
  *within(items, from, to) {
    const end = firstAtLeast(items.length, to, (at) => items[at].a);
    const from_us = this.scale.timeAt(from);
    for (let at = firstAtLeast(items.length, from_us, (index) => items.latest[index]); at < end; at += 1) {
      const item = items[at];
      if (item.shown && item.b >= from) yield item;
    }
  }

  /** What is known of a lane at a moment: its faults, and the newest mark, or operation of a session, of each kind and key. */
  stateOf(lane, time_us) {
    const faults = lane.faults.filter((item) => item.from_us <= time_us && time_us <= item.to_us);
    const newest = new Map();
    const note = (item, name) => {
      newest.delete(name);
      newest.set(name, item);
    };
    for (const item of lane.marks) {
      if (item.from_us > time_us) break;
      note(item, `${item.mark.kind}\u0000${item.mark.key ?? ""}`);
    }
    for (const item of lane.operations) {
      if (item.op.ended_us === undefined || item.op.ended_us > time_us) continue;
      note(item, `\u0000${item.op.key}`);
    }
    return { faults, newest: [...newest.values()].reverse() };
  }

  #moments() {
    const moments = [];
    for (const item of this.operations) {
      if (!item.shown) continue;
      moments.push(item.from_us, item.to_us);
      if (typeof item.op.served_us === "number") moments.push(item.op.served_us);
    }
    for (const items of [this.messages, this.marks]) for (const item of items) if (item.shown) moments.push(item.from_us, item.to_us);
    for (const item of this.faults) moments.push(item.from_us, item.to_us);
    for (const edge of this.red) moments.push(edge.from.at_us, edge.to.at_us);
    return Float64Array.from(moments).sort();
  }

  /** A message's usual way, or half an operation, or a part of everything. */
  #unit() {
    const ways = [];
    for (const { fate, sent_us } of this.scene.messages) {
      if (typeof fate === "object" && fate.arrived !== undefined) ways.push(fate.arrived - sent_us);
    }
    if (!ways.length) for (const item of this.operations) ways.push((item.to_us - item.from_us) / 2);
    ways.sort((a, b) => a - b);
    return Math.max(1, ways[ways.length >> 1] || this.end_us / 200);
  }

  #arrival({ sent_us, fate }) {
    if (typeof fate === "object" && fate.arrived !== undefined) return Math.max(sent_us, fate.arrived);
    return fate === "under-way" ? Math.max(sent_us, this.end_us) : sent_us + this.unit_us;
  }
}

function lastMoment(scene) {
  let last = 0;
  const see = (time_us) => { if (time_us > last) last = time_us; };
  for (const op of scene.operations) see(op.ended_us ?? op.begun_us);
  for (const message of scene.messages) see(typeof message.fate === "object" ? message.fate.arrived ?? message.sent_us : message.sent_us);
  for (const mark of scene.marks) see(mark.at_us);
  for (const fault of scene.faults) see(fault.until_us ?? fault.from_us);
  return last;
}

function affectedLanes({ affected }) {
  const lanes = affected.lanes ?? (affected.links ? affected.links.flat() : (affected.groups ?? []).flat());
  return [...new Set(lanes)];
}

/** For each item the latest end so far: rising, so that the first item that can reach a moment is found by halving. */
function latestSoFar(items) {
  const latest = new Float64Array(items.length);
  let last = -Infinity;
  items.forEach((item, at) => {
    last = Math.max(last, item.to_us);
    latest[at] = last;
  });
  return latest;
}

/** Sessions above, then nodes, group by group, each as the scene has them. */
function order(lanes) {
  const groups = [...new Set(lanes.map((lane) => lane.group))];
  const rank = (lane) => (lane.kind === "session" ? -1 : groups.indexOf(lane.group));
  return [...lanes].sort((a, b) => rank(a) - rank(b) || a.id - b.id);
}

/** Names with how often they occur, most frequent first, and whether they are shown. */
function tally(items, nameOf, hidden = new Set()) {
  const counts = new Map();
  for (const item of items) {
    const name = nameOf(item);
    if (name !== undefined && name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return new Map(sorted.map(([name, count]) => [name, { count, shown: !hidden.has(name) }]));
}
