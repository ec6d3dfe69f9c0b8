// One diagram: its parts on the page, its view, and everything that moves the view.

const AXIS_HEIGHT = 40;
const OVERVIEW_HEIGHT = 34;
const GROUP_GAP = 12;

class Diagram {
  /**
   * Empty until it is laid out.
   * @param told called with what happens: "pin", item | "edge", what, number | "view"
   */
  constructor(host, model, { name, told = () => {}, flag = null }) {
    Object.assign(this, { host, model, told, flag, name, pinned: null, marked: null, lit: null, held: null, y: 0 });
    this.view = { u: 0, k: 1 };
    this.labels = new Labels();
    this.#build();
    this.#listen();
  }

  #build() {
    this.heads = element("div", { class: "heads", "aria-hidden": "true" });
    this.axis = element("canvas", { class: "axis", "aria-hidden": "true" });
    this.canvas = element("canvas", { class: "paper", "aria-hidden": "true" });
    this.overlay = shape("svg", { class: "overlay", role: "group", "aria-label": "The violated dependency" });
    this.tip = element("div", { class: "hint", role: "tooltip", hidden: true });
    this.stage = element("div", { class: "stage", tabindex: "0", role: "application", "aria-roledescription": "space-time diagram",
      "aria-label": `${this.name}: ${counted(this.model.lanes.length, "lane")}, ${counted(this.model.operations.length, "operation")}. Arrow keys move, plus and minus zoom, N and P go from operation to operation, V goes to the violation.` },
    this.canvas, this.overlay);
    this.overview = element("canvas", { class: "overview" });
    this.window = element("div", { class: "window" });
    this.spoken = element("p", { class: "spoken", "aria-live": "polite" });
    this.host.append(
      element("div", { class: "corner" }), this.axis, this.heads, this.stage,
      element("div", { class: "corner" }, "all"), element("div", { class: "strip", "aria-hidden": "true" }, this.overview, this.window), this.tip, this.spoken,
    );
  }

  // ---- layout -------------------------------------------------------------------------------------------------------------

  /** Fits lanes to the room that there is, and rebuilds their heads. */
  layout() {
    const box = this.stage.getBoundingClientRect();
    this.width = Math.max(50, Math.floor(box.width));
    this.height = Math.max(50, Math.floor(box.height));
    const lanes = this.model.shownLanes;
    const gaps = lanes.filter((lane, at) => at && startsGroup(lanes, at)).length * GROUP_GAP;
    this.laneHeight = clamp((this.height - gaps - 12) / Math.max(lanes.length, 1), 18, 92);
    let top = 8;
    this.heads.replaceChildren();
    lanes.forEach((lane, at) => {
      if (at && startsGroup(lanes, at)) top += GROUP_GAP;
      lane.y = top + this.laneHeight / 2;
      top += this.laneHeight;
      const group = startsGroup(lanes, at) && lane.group ? element("span", { class: "group" }, lane.group) : null;
      this.heads.append(element("div", { class: `head ${lane.kind}`, style: `top:${lane.y}px`, title: lane.group ? `${lane.name}, ${lane.group}` : lane.name }, group, element("span", { class: "lane" }, lane.name)));
    });
    this.contentHeight = top + 4;
    for (const [canvas, height] of [[this.canvas, this.height], [this.axis, AXIS_HEIGHT], [this.overview, OVERVIEW_HEIGHT]]) {
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.overviewOf = null;
    this.overlay.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.theme();
    this.changed();
  }

  /** Takes colours and fonts from the style sheet. */
  theme() {
    const style = getComputedStyle(this.host);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colours = Object.fromEntries(["paper", "ink", "muted", "rule", "lane", "gap", "operation", "call", "message", "mark", "fault", "red"].map((name) => [name, colour(name)]));
    this.colours.faultTint = colour("fault-tint");
    this.colours.faded = (ink) => `${ink}00`;
    const family = style.fontFamily;
    this.fonts = { name: `600 12px ${family}`, small: `11.5px ${family}`, axis: `11px ${family}` };
    const context = this.canvas.getContext("2d");
    this.stripes = { down: stripes(context, this.colours.fault, "down"), paused: stripes(context, this.colours.fault, "paused") };
  }

  /** Works out the choices again and keeps the moment in the middle where it is. */
  refresh() {
    const { scale } = this.model;
    const [from, to] = [scale.timeAt(this.view.u), scale.timeAt(this.view.u + this.width / this.view.k)];
    const whole = this.isWhole();
    this.model.refresh();
    this.layout();
    if (whole) this.fit();
    else this.show(from, to);
  }

  // ---- the view -----------------------------------------------------------------------------------------------------------

  isWhole() {
    return this.view.k <= this.#least() * 1.001;
  }

  fit() {
    this.y = 0;
    this.#set({ u: 0, k: 0 });
  }

  /** The farthest zoom: everything, with room for the words of what is last while there are words. */
  #least() {
    const room = this.model.operations.length > CALLS_UP_TO ? 0 : Math.min(130, this.width * 0.13);
    return (this.width - room) / this.model.scale.length;
  }

  /** Shows a span of time from edge to edge. */
  show(from_us, to_us) {
    const [from, to] = [from_us, to_us].map((time_us) => this.model.scale.unitsAt(time_us));
    this.#set({ u: from, k: this.width / Math.max(to - from, 1e-3) });
  }

  /** Shows items or edges with room around them, not nearer than a few units wide. */
  focus(moments) {
    if (!moments.length) return;
    const units = moments.map((time_us) => this.model.scale.unitsAt(time_us));
    const [low, high] = [Math.min(...units), Math.max(...units)];
    const wide = Math.max((high - low) * 1.35, 14);
    this.#set({ u: (low + high - wide) / 2, k: this.width / wide });
  }

  focusRed(edges = this.model.red) {
    const moments = edges.flatMap((edge) => [edge.from.at_us, edge.to.at_us]);
    if (edges === this.model.red) for (const item of this.model.redItems) moments.push(item.from_us, item.to_us);
    this.focus(moments);
    this.reveal(edges.flatMap((edge) => [edge.from.lane, edge.to.lane]));
  }

  zoom(factor, x = this.width / 2) {
    const k = this.view.k * factor;
    this.#set({ u: this.view.u + x / this.view.k - x / k, k });
  }

  pan(dx, dy = 0) {
    this.y += dy;
    this.#set({ u: this.view.u + dx / this.view.k, k: this.view.k });
  }

  /** Scrolls so that lanes are in view. */
  reveal(lanes) {
    const ys = lanes.map((lane) => this.model.lanes[lane]).filter((lane) => lane && lane.shown).map((lane) => lane.y);
    if (!ys.length) return;
    const [low, high] = [Math.min(...ys) - this.laneHeight, Math.max(...ys) + this.laneHeight];
    if (low < this.y || high > this.y + this.height) this.y = low;
    this.changed();
  }

  #set({ u, k }) {
    const { length } = this.model.scale;
    this.view.k = clamp(k, this.#least(), 4000);
    const room = this.width / this.view.k;
    this.view.u = room >= length ? 0 : clamp(u, -room * 0.1, length - room * 0.9);
    this.changed();
    this.told("view");
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------------

  changed() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  draw() {
    const began = performance.now();
    this.y = clamp(this.y, 0, Math.max(0, this.contentHeight - this.height));
    const { view, model } = this;
    const frame = {
      context: this.canvas.getContext("2d"), width: this.width, height: this.height, laneHeight: this.laneHeight, view, model,
      colours: this.colours, fonts: this.fonts, stripes: this.stripes, labels: this.labels, boxes: [], messages: [], marked: this.marked,
      from: view.u, to: view.u + this.width / view.k,
      x: (units) => (units - view.u) * view.k,
      y: (lane) => lane.y - this.y,
    };
    paint(frame);
    this.#paintFlag(frame);
    paintRed(frame, this.overlay, { lit: this.lit, onEdge: (what, number) => this.told("edge", what, number) });
    paintAxis(frame, this.axis.getContext("2d"));
    if (this.overviewOf !== model.scale) paintOverview(frame, this.overview.getContext("2d"));
    this.overviewOf = model.scale;
    const share = this.width / model.scale.length;
    this.window.style.left = `${clamp(frame.from * share, 0, this.width - 3)}px`;
    this.window.style.width = `${clamp((frame.to - Math.max(frame.from, 0)) * share, 3, this.width)}px`;
    this.heads.style.setProperty("--y", `${-this.y}px`);
    this.frame = frame;
    this.draw_ms = performance.now() - began;
    document.getElementById("rendered").dataset.lastDrawMs = this.draw_ms.toFixed(1);
  }

  #paintFlag({ context, width, height, model, x }) {
    if (!this.flag) return;
    const at = Math.round(x(model.scale.unitsAt(this.flag.at_us))) + 0.5;
    if (at < 0 || at > width) return;
    context.strokeStyle = this.colours.red;
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(at, 0);
    context.lineTo(at, height);
    context.stroke();
    context.setLineDash([]);
    context.font = this.fonts.name;
    const left = Math.min(at + 6, width - this.labels.width(context, this.flag.text) - 4);
    context.strokeStyle = this.colours.paper;
    context.lineWidth = 4;
    context.strokeText(this.flag.text, left, 10);
    context.fillStyle = this.colours.red;
    context.fillText(this.flag.text, left, 10);
  }

  // ---- pointing, pinning, walking -----------------------------------------------------------------------------------------

  light(number) {
    this.lit = number;
    this.changed();
  }

  pin(item) {
    this.pinned = item;
    this.marked = item;
    this.changed();
    this.told("pin", item);
  }

  /** The next operation in time, among those shown, after the one that is marked. */
  step(direction) {
    const shown = this.model.operations.filter((item) => item.shown);
    if (!shown.length) return;
    const at = shown.indexOf(this.marked);
    const centre = this.view.u + this.width / this.view.k / 2;
    const next = at < 0 ? firstAtLeast(shown.length, centre, (index) => shown[index].a) : at + direction;
    this.visit(shown[clamp(next, 0, shown.length - 1)]);
  }

  /** Marks an item, brings it into view and says what it is. */
  visit(item) {
    this.marked = item;
    const x = (item.a - this.view.u) * this.view.k;
    if (x < 40 || x > this.width - 120) this.#set({ u: item.a - this.width / this.view.k / 3, k: this.view.k });
    this.reveal([item.lane]);
    this.spoken.textContent = spoken(this.model, item);
    this.draw();
    const lane = this.model.lanes[item.lane];
    this.#tell(item, (item.a - this.view.u) * this.view.k, lane.y - this.y);
  }

  #tell(item, x, y) {
    this.tip.hidden = !item;
    if (!item) return;
    this.tip.replaceChildren(card(this.model, item));
    const stage = this.stage.getBoundingClientRect();
    const { width, height } = this.tip.getBoundingClientRect();
    const left = Math.min(stage.left + x + 14, window.innerWidth - width - 8);
    const below = stage.top + y + 18;
    this.tip.style.left = `${Math.max(8, left)}px`;
    this.tip.style.top = `${below + height > window.innerHeight - 8 ? Math.max(8, stage.top + y - height - 14) : below}px`;
  }

  #listen() {
    const { stage } = this;
    const place = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const step = event.deltaMode === 1 ? 16 : 1;
      if (event.shiftKey) this.pan(0, (event.deltaY || event.deltaX) * step);
      else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX * step);
      else this.zoom(Math.exp(-event.deltaY * step * 0.0022), place(event)[0]);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.held = { x: event.clientX, y: event.clientY, moved: 0 };
    });
    stage.addEventListener("pointermove", (event) => {
      if (!this.held) {
        this.#hover(...place(event));
        return;
      }
      const [dx, dy] = [event.clientX - this.held.x, event.clientY - this.held.y];
      const moved = this.held.moved + Math.abs(dx) + Math.abs(dy);
      if (moved > 4) {
        if (this.held.moved <= 4 && event.pointerId) stage.setPointerCapture(event.pointerId);
        this.tip.hidden = true;
        stage.classList.add("dragged");
        this.pan(-dx, -dy);
      }
      this.held = { x: event.clientX, y: event.clientY, moved };
    });
    stage.addEventListener("pointerup", (event) => {
      const clicked = this.held && this.held.moved <= 4;
      this.held = null;
      stage.classList.remove("dragged");
      if (clicked && !event.target.closest(".edge, .badge")) this.pin(lookAt(this.frame, ...place(event)));
    });
    stage.addEventListener("pointercancel", () => { this.held = null; });
    stage.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    stage.addEventListener("dblclick", (event) => this.zoom(2.5, place(event)[0]));
    stage.addEventListener("blur", () => { this.tip.hidden = true; });
    stage.addEventListener("keydown", (event) => this.#key(event));
    this.#listenToStrip();
    new ResizeObserver(() => {
      const box = stage.getBoundingClientRect();
      if (Math.floor(box.width) === this.width && Math.floor(box.height) === this.height) return;
      const whole = this.isWhole();
      this.layout();
      if (whole) this.fit();
    }).observe(stage);
    for (const canvas of [this.canvas, this.axis, this.overview]) canvas.addEventListener("contextrestored", () => this.layout());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.layout());
  }

  #hover(x, y) {
    if (!this.frame || this.hovering) return;
    this.hovering = requestAnimationFrame(() => {
      this.hovering = 0;
      if (this.held) return;
      const item = lookAt(this.frame, x, y);
      this.#tell(item, x, y);
      this.stage.classList.toggle("over", Boolean(item && item.type !== "moment"));
    });
  }

  #listenToStrip() {
    const strip = this.overview.parentElement;
    const go = (event) => {
      const share = (event.clientX - strip.getBoundingClientRect().left) / this.width;
      this.#set({ u: share * this.model.scale.length - this.width / this.view.k / 2, k: this.view.k });
    };
    strip.addEventListener("pointerdown", (event) => {
      if (event.pointerId) strip.setPointerCapture(event.pointerId);
      go(event);
    });
    strip.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = this.width / (event.shiftKey ? 1.2 : 8);
    const keys = {
      ArrowLeft: () => this.pan(-far), ArrowRight: () => this.pan(far), ArrowUp: () => this.pan(0, -40), ArrowDown: () => this.pan(0, 40),
      "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(), f: () => this.fit(),
      v: () => this.focusRed(), n: () => this.step(1), p: () => this.step(-1), Home: () => this.pan(-1e9), End: () => this.pan(1e9),
      Enter: () => this.marked && this.pin(this.marked), Escape: () => { this.tip.hidden = true; this.told("edge", "leave", this.lit); this.pin(null); },
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const edge = /^[1-9]$/.test(event.key) ? this.model.red.find(({ number }) => number === Number(event.key) - 1) : null;
    if (!act && !edge) return;
    event.preventDefault();
    if (edge) this.told("edge", "click", edge.number);
    else act();
  }
}

function startsGroup(lanes, at) {
  return at === 0 || lanes[at].group !== lanes[at - 1].group || lanes[at].kind !== lanes[at - 1].kind;
}
