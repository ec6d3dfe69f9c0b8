// The page of one scene.

function explain(scene) {
  const began = performance.now();
  const host = element("main");
  document.body.append(element("header", {}, element("h1", {}, scene.title || "A run"), verdict(scene)), host);
  const { diagram, model } = scenePanel(host, scene, { name: scene.title, beside: true });
  document.querySelector("header").append(facts(scene, model));
  const aside = host.querySelector("aside");
  aside.append(element("details", { class: "keys" }, element("summary", {}, "Keyboard and mouse"), element("dl", {}, [
    ["wheel, + \u2212", "zoom"], ["drag, arrows", "move; shift goes far"], ["F", "everything"], ["V", "the violation"], ["1 to 9", "an edge of it"], ["N, P", "next, previous operation"], ["Enter, Esc", "pin, let go"],
  ].flatMap(([name, what]) => [element("dt", {}, name), element("dd", {}, what)]))));
  document.body.append(element("div", { class: "folds" }, planFold(scene.plan), operationList(diagram)));
  diagram.layout();
  const many = model.operations.length > 60;
  if (model.redItems.length + model.red.length && many) diagram.focusRed();
  else diagram.fit();
  follow(diagram);
  window.addEventListener("hashchange", () => follow(diagram));
  diagram.draw();
  reportCounts(diagram);
  Object.assign(document.getElementById("rendered").dataset, { state: "yes", loadMs: (performance.now() - began).toFixed(1) });
}

/** `#t=1.25-3.5` shows those seconds, `#op=17` goes to an operation. */
function follow(diagram) {
  const wanted = new URLSearchParams(window.location.hash.slice(1));
  const [from, to] = (wanted.get("t") ?? "").split("-").map((seconds) => Number(seconds) * 1e6);
  if (to > from) diagram.show(from, to);
  const item = wanted.has("op") ? diagram.model.operation(Number(wanted.get("op"))) : null;
  if (item) {
    diagram.pin(item);
    diagram.visit(item);
  }
}

explain(JSON.parse(document.getElementById("data").textContent));
