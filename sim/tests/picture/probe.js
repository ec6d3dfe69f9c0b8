// What a user does, and what should come of it.
(async () => {
  const probe = Object.assign(document.createElement("output"), { id: "probe" });
  document.body.append(probe);
  const expect = (name, holds) => probe.setAttribute(`data-${name}`, holds ? "yes" : "no");
  const frame = () => new Promise((done) => setTimeout(done, 100));
  const one = (selector) => document.querySelector(selector);
  const stage = one(".stage");
  const shown = () => Number(one("#rendered").dataset.shownOperations);
  const width = () => parseFloat(one(".window").style.width);
  const left = () => parseFloat(one(".window").style.left);
  const press = async (key) => {
    stage.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await frame();
  };
  const point = async (type, x, y) => {
    const box = stage.getBoundingClientRect();
    const event = new PointerEvent(type, { clientX: box.left + x, clientY: box.top + y, bubbles: true, button: 0, buttons: type === "pointermove" ? 0 : 1 });
    stage.dispatchEvent(event);
    await frame();
  };
  await frame();

  const paper = one("canvas.paper");
  const pixels = paper.getContext("2d").getImageData(0, 0, paper.width, paper.height).data;
  expect("paper-is-drawn", pixels.filter((value, at) => at % 4 === 3 && value > 0).length > 2000);

  const whole = width();
  await press("+");
  expect("plus-zooms-in", width() < whole * 0.9);
  const before = left();
  await press("ArrowRight");
  expect("arrow-moves", left() > before);
  await press("f");
  expect("f-shows-all", Math.abs(width() - whole) < 2);
  stage.dispatchEvent(new WheelEvent("wheel", { deltaY: -300, clientX: 600, clientY: 300, cancelable: true, bubbles: true }));
  await frame();
  expect("wheel-zooms-in", width() < whole * 0.9);
  const dragged = left();
  await point("pointerdown", 500, 300);
  await point("pointermove", 300, 300);
  await point("pointerup", 300, 300);
  expect("drag-moves", left() > dragged);
  await press("v");
  expect("v-shows-the-violation", width() < whole * 0.9 && document.querySelectorAll(".edge").length === 4);

  const sentence = document.querySelectorAll(".story button")[1];
  sentence.dispatchEvent(new MouseEvent("mouseenter"));
  await frame();
  expect("pointing-at-a-sentence-lights-its-edge", one(".edge.lit")?.dataset.edge === "1" && document.querySelectorAll(".edge.dim").length === 3);
  sentence.dispatchEvent(new MouseEvent("mouseleave"));
  await frame();
  expect("and-no-longer", !one(".edge.lit"));
  sentence.click();
  await frame();
  expect("a-click-keeps-it", one(".edge.lit")?.dataset.edge === "1" && sentence.getAttribute("aria-pressed") === "true");
  await press("Escape");
  expect("escape-lets-go", !one(".edge.lit"));
  await press("4");
  expect("a-number-lights-an-edge", one(".edge.lit")?.dataset.edge === "3");
  await press("4");

  await press("f");
  const word = one('.red-word[data-operation="3"]');
  const [x, y] = [Number(word.getAttribute("x")) + 4, Number(word.getAttribute("y"))];
  await point("pointermove", x, y);
  expect("pointing-tells", !one(".hint").hidden && one(".hint h3").textContent === "#3 put album");
  await point("pointerdown", x, y);
  await point("pointerup", x, y);
  expect("a-click-pins", one(".pinned h3")?.textContent === "#3 put album");
  const node = [...document.querySelectorAll(".head.node")].find((head) => head.textContent.endsWith("n0"));
  await point("pointermove", Math.round(stage.clientWidth * 0.95), parseFloat(node.style.top) + 3);
  expect("a-lane-has-a-state", /^n0 at \d/.test(one(".hint h3").textContent) && one(".hint dl").textContent.includes("applied album#3"));

  const all = shown();
  const menu = document.querySelector(".tools .menu");
  menu.open = true;
  [...menu.querySelectorAll("li")].find((row) => row.querySelector(".name").textContent === "photo").querySelector("input").click();
  await frame();
  expect("a-key-is-left-out-but-not-what-is-red", shown() === all - 2 && document.querySelectorAll(".edge").length === 4);
  [...menu.querySelectorAll(".quick button")].find((button) => button.textContent === "all").click();
  await frame();
  expect("and-comes-back", shown() === all);

  await press("n");
  expect("n-speaks", /^#\d+ /.test(one(".spoken").textContent));
  const list = [...document.querySelectorAll(".fold")].at(-1);
  list.open = true;
  await frame();
  expect("operations-are-listed", list.querySelectorAll("tbody tr").length === all && list.querySelectorAll("tr.red").length === 4);
})();
