// The axis above the diagram and the overview of everything below it.

/** Above, moments where time runs straight; below them, at each break, how long it is. */
function paintAxis(frame, context) {
  const { colours, model, width, view } = frame;
  const base = AXIS_HEIGHT - 0.5;
  context.clearRect(0, 0, width, AXIS_HEIGHT);
  context.font = frame.fonts.axis;
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, base);
  context.lineTo(width, base);
  context.stroke();
  const row = (y, colour) => {
    let last = -Infinity;
    return (text, at) => {
      const half = context.measureText(text).width / 2 + 5;
      const x = clamp(at, half - 4, width - half + 4);
      if (Math.abs(x - at) > 18 || x - half < last) return;
      last = x + half;
      context.fillStyle = colour;
      context.fillText(text, x, y);
    };
  };
  const length = row(AXIS_HEIGHT - 11, colours.muted);
  for (const gap of model.scale.breaks) {
    const [from, to] = [frame.x(gap.from), frame.x(gap.to)];
    if (to < 0 || from > width || to - from < 3) continue;
    breakSign(context, colours, { middle: (from + to) / 2, base, half: Math.min((to - from) / 2, 4) });
    if (to - from > 12) length(`+${span(gap.to_us - gap.from_us)}`, (from + to) / 2);
  }
  const time = row(10, colours.ink);
  for (const { x, time_us, step_us } of ticks(model.scale, view, width)) {
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, base - 5);
    context.lineTo(Math.round(x) + 0.5, base);
    context.stroke();
    time(moment(time_us, step_us), x);
  }
}

/** Two slanted strokes over an opening in the line. */
function breakSign(context, colours, { middle, base, half }) {
  context.clearRect(middle - half, base - 2, 2 * half, 4);
  context.beginPath();
  for (const x of [middle - half, middle + half]) {
    context.moveTo(x - 1.5, base);
    context.lineTo(x + 1.5, base - 5);
  }
  context.stroke();
}

/** How much happens when, where faults are, and where it is red. */
function paintOverview(frame, context) {
  const { colours, model, width } = frame;
  const share = width / model.scale.length;
  context.clearRect(0, 0, width, OVERVIEW_HEIGHT);
  context.fillStyle = colours.faultTint;
  for (const item of model.faults) context.fillRect(item.a * share, 0, Math.max((item.b - item.a) * share, 1.5), OVERVIEW_HEIGHT);
  const columns = Math.max(1, Math.floor(width / 3));
  const heights = new Float64Array(columns);
  for (const item of model.operations) if (item.shown) heights[clamp(Math.floor((item.a / model.scale.length) * columns), 0, columns - 1)] += 1;
  const highest = Math.max(1, ...heights);
  context.fillStyle = colours.operation;
  heights.forEach((height, column) => {
    const tall = height ? Math.max(2, Math.sqrt(height / highest) * (OVERVIEW_HEIGHT - 10)) : 0;
    context.fillRect((column * width) / columns, OVERVIEW_HEIGHT - tall, width / columns - 1, tall);
  });
  context.fillStyle = colours.red;
  for (const { a } of model.redItems) context.fillRect(a * share - 1, 0, 2, OVERVIEW_HEIGHT);
}
