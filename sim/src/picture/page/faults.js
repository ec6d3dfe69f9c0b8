// Faults, drawn where they were: gaps in the lanes that were down or paused, bands and cut lines where nothing passed, rails along
// the lanes whose links, clock or disk were wrong.

const LOOKS = { down: "down", paused: "paused", cut: "cut", link: "link", clock: "clock", disk: "disk", other: "fault" };
const RAIL_STEP = 5;

/** Stripes for gaps. */
function stripes(context, colour, look) {
  const tile = document.createElement("canvas");
  const ratio = window.devicePixelRatio || 1;
  const size = 7;
  tile.width = tile.height = Math.round(size * ratio);
  const brush = tile.getContext("2d");
  brush.scale(ratio, ratio);
  brush.strokeStyle = colour;
  brush.lineWidth = 1.1;
  brush.beginPath();
  if (look === "down") {
    for (const shift of [-size, 0, size]) {
      brush.moveTo(shift, size);
      brush.lineTo(shift + size, 0);
    }
  } else {
    brush.moveTo(2, 0);
    brush.lineTo(2, size);
  }
  brush.stroke();
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio, 1 / ratio));
  return pattern;
}

/** What stands behind the messages: where they do not pass. */
function paintCuts(frame) {
  for (const item of faultsInView(frame)) if (item.fault.look === "cut") paintCut(frame, item);
}

/** What stands on the lanes. */
function paintLaneFaults(frame) {
  const rails = new Map();
  for (const item of faultsInView(frame)) {
    const { look } = item.fault;
    if (look === "down" || look === "paused") paintGap(frame, item);
    else if (look !== "cut") paintRails(frame, item, rails);
  }
}

function faultsInView(frame) {
  return frame.model.faults.filter((item) => item.b >= frame.from && item.a <= frame.to);
}

/** The lane is not there, or does nothing. */
function paintGap(frame, item) {
  const { context, colours } = frame;
  const { look } = item.fault;
  const [x, width] = extent(frame, item);
  const half = Math.min(frame.laneHeight * 0.3, 13);
  for (const lane of lanesOf(frame, affectedLanes(item.fault))) {
    const y = frame.y(lane);
    const box = { x, y: y - half, width, height: 2 * half };
    context.fillStyle = colours.paper;
    context.fillRect(box.x, box.y, box.width, box.height);
    context.fillStyle = colours.faultTint;
    context.fillRect(box.x, box.y, box.width, box.height);
    context.fillStyle = frame.stripes[look];
    context.fillRect(box.x, box.y, box.width, box.height);
    context.strokeStyle = colours.fault;
    context.lineWidth = 1;
    context.beginPath();
    for (const edge of [x, x + width]) {
      context.moveTo(edge, box.y);
      context.lineTo(edge, box.y + box.height);
    }
    context.stroke();
    frame.boxes.push({ ...box, item });
    faultLabel(frame, item, { x, y, width, centred: true });
  }
}

/** Nothing passes: the smaller groups stand in a band, and a line runs between neighbours that do not hear each other. */
function paintCut(frame, item) {
  const { context, colours, model } = frame;
  const [x, width] = extent(frame, item);
  const half = frame.laneHeight / 2 - 1;
  const apart = cutBetween(item.fault);
  for (const lane of lanesOf(frame, smallerSide(item.fault))) {
    const box = { x, y: frame.y(lane) - half, width, height: 2 * half };
    context.fillStyle = colours.faultTint;
    context.fillRect(box.x, box.y, box.width, box.height);
    frame.boxes.push({ ...box, item });
  }
  const involved = new Set(affectedLanes(item.fault));
  const shown = model.shownLanes.filter((lane) => involved.has(lane.id));
  const places = [];
  context.strokeStyle = colours.fault;
  context.lineWidth = 1.4;
  context.setLineDash([7, 4]);
  for (let at = 1; at < shown.length; at += 1) {
    const [above, below] = [shown[at - 1], shown[at]];
    const [down, up] = [apart(above.id, below.id), apart(below.id, above.id)];
    if (!down && !up) continue;
    const y = (frame.y(above) + frame.y(below)) / 2;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + width, y);
    context.stroke();
    frame.boxes.push({ x, y: y - 4, width, height: 8, item });
    if (down !== up) chevrons(frame, { x, y, width, way: down ? 1 : -1 });
    places.push({ x, y, width });
  }
  context.setLineDash([]);
  if (shown.length) places.push({ x, y: frame.y(shown[0]) - half + 8, width });
  const texts = [item.fault.text, LOOKS.cut];
  texts.some((text) => places.some((place) => faultLabel(frame, item, { ...place, texts: [text] })));
}

/** On a line that cuts one way only: they point the way that is cut. */
function chevrons({ context, colours, width: end }, { x, y, width, way }) {
  context.fillStyle = colours.fault;
  context.beginPath();
  for (let at = Math.max(x, 0) + 16; at < Math.min(x + width, end) - 4; at += 120) {
    context.moveTo(at - 5, y - 4 * way);
    context.lineTo(at + 5, y - 4 * way);
    context.lineTo(at, y + 5 * way);
    context.closePath();
  }
  context.fill();
}

/** What is wrong lasts along the lane, or is a flag at a moment. */
function paintRails(frame, item, rails) {
  const { context, colours } = frame;
  const [x, width] = extent(frame, item);
  const { links } = item.fault.affected;
  const lanes = links ? [...new Set(links.map(([, to]) => to))] : affectedLanes(item.fault);
  for (const lane of lanesOf(frame, lanes)) {
    const taken = rails.get(lane.id) ?? [];
    let row = 0;
    while (row < 3 && taken.some((other) => other.row === row && other.x < x + width && x < other.x + other.width)) row += 1;
    taken.push({ x, width: width + 2, row });
    rails.set(lane.id, taken);
    const y = frame.y(lane) + Math.min(frame.laneHeight * 0.28, 12) + row * RAIL_STEP;
    context.strokeStyle = context.fillStyle = colours.fault;
    context.lineWidth = 2;
    context.beginPath();
    if (item.to_us === item.from_us) {
      context.moveTo(x, y - 7);
      context.lineTo(x + 5, y + 2);
      context.lineTo(x - 5, y + 2);
      context.fill();
    } else {
      context.moveTo(x, y - 3);
      context.lineTo(x, y);
      context.lineTo(x + width, y);
      context.lineTo(x + width, y - 3);
      context.stroke();
    }
    frame.boxes.push({ x: x - 5, y: y - 7, width: width + 10, height: 11, item });
    faultLabel(frame, item, { x: x + (width ? 0 : 8), y: y + (width ? 8 : -2), width: width ? Math.max(width, 60) : 220 });
  }
}

/** The text if it fits, else the name of the look, else nothing. Says whether anything was written. */
function faultLabel(frame, item, { x, y, width, centred, texts = [item.fault.text, LOOKS[item.fault.look]] }) {
  const { context, colours, labels } = frame;
  const left = Math.max(x, 0) + 5;
  const right = Math.min(x + width, frame.width) - 5;
  context.font = frame.fonts.small;
  for (const text of texts.map((text) => short(text, 80))) {
    if (!text) continue;
    const textWidth = labels.width(context, text);
    if (textWidth > Math.max(right - left, centred ? 0 : 40)) continue;
    const at = centred ? (left + right - textWidth) / 2 : left;
    const box = { x: at - 3, y: y - 7, width: textWidth + 6, height: 14 };
    if (!labels.isFree(box)) continue;
    context.fillStyle = colours.paper;
    context.fillRect(box.x, box.y, box.width, box.height);
    context.fillStyle = colours.fault;
    context.fillText(text, at, y);
    labels.take(box, item);
    return true;
  }
  return false;
}

/** Whether a fault keeps one lane from hearing another. */
function cutBetween({ affected }) {
  if (affected.links) {
    const links = new Set(affected.links.map(([from, to]) => `${from} ${to}`));
    return (from, to) => links.has(`${from} ${to}`);
  }
  const group = new Map((affected.groups ?? []).flatMap((lanes, number) => lanes.map((lane) => [lane, number])));
  return (from, to) => group.has(from) && group.has(to) && group.get(from) !== group.get(to);
}

/** All lanes but those of the largest group; of links, those that hear nothing. */
function smallerSide({ affected }) {
  if (affected.links) return [...new Set(affected.links.map(([, to]) => to))];
  if (!affected.groups) return affected.lanes ?? [];
  const largest = affected.groups.reduce((best, group) => (group.length > best.length ? group : best), []);
  return affected.groups.filter((group) => group !== largest).flat();
}

function extent(frame, item) {
  const x = frame.x(item.a);
  return [x, item.to_us === item.from_us ? 0 : Math.max(frame.x(item.b) - x, 2)];
}

function lanesOf(frame, ids) {
  return ids.map((id) => frame.model.lanes[id]).filter((lane) => lane && lane.shown);
}
