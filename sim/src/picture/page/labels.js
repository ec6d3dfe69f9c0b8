// Words on the diagram. Each is written only where it covers no other; who comes first has the place, so the most important ask first.

class Labels {
  constructor() {
    this.widths = new Map();
    this.clear();
  }

  clear() {
    this.rows = new Map();
    this.placed = [];
  }

  /** How wide a text is in the context's font. */
  width(context, text) {
    const name = `${context.font}\u0000${text}`;
    let width = this.widths.get(name);
    if (width === undefined) {
      width = context.measureText(text).width;
      if (this.widths.size > 20000) this.widths.clear();
      this.widths.set(name, width);
    }
    return width;
  }

  /** Whether a box covers nothing that was placed before. */
  isFree(box) {
    for (const row of rowsOf(box)) {
      for (const other of this.rows.get(row) ?? []) {
        if (box.x < other.x + other.width && other.x < box.x + box.width && box.y < other.y + other.height && other.y < box.y + box.height) {
          return false;
        }
      }
    }
    return true;
  }

  /** Takes a place; the item, if any, is found again where its label stands. */
  take(box, item) {
    for (const row of rowsOf(box)) {
      if (!this.rows.has(row)) this.rows.set(row, []);
      this.rows.get(row).push(box);
    }
    if (item) this.placed.push({ ...box, item });
  }

  /** The item whose label stands here. */
  at(x, y) {
    const found = this.placed.find((box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height);
    return found ? found.item : null;
  }
}

const ROW_HEIGHT = 16;

function* rowsOf({ y, height }) {
  for (let row = Math.floor(y / ROW_HEIGHT); row <= Math.floor((y + height) / ROW_HEIGHT); row += 1) yield row;
}
