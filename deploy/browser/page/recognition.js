// Recognised drawings: the class follows while one draws. Models of other recordings read a table.

const element = (id) => document.getElementById(id);
/** The side of the sheet in its own units; y points up in drawings and down on the page. */
const SHEET = 400;
/** Samples per second if the model does not tell a rate. */
const RATE = 60;
/** The smallest time between two questions, in milliseconds. */
const PAUSE = 80;

export function setUp({ client, runner }) {
  const run = runner();
  const sheet = element("sheet");
  let model, pen, timer, asked = 0;
  const drawing = { x: [], y: [], strokes: [] };

  const clear = () => {
    [drawing.x, drawing.y, drawing.strokes] = [[], [], []];
    sheet.replaceChildren();
    element("recognised").textContent = "Draw here with the mouse, a pen or a finger.";
    element("classes").replaceChildren();
  };
  const ask = () => {
    asked = performance.now();
    const input = { channels: { x: drawing.x, y: drawing.y } };
    run(() => client.predict(model.name, input), display);
  };
  /** Takes a sample of the place of the pen. */
  const sample = () => {
    drawing.x.push(pen[0]);
    drawing.y.push(SHEET - pen[1]);
    drawing.strokes.at(-1).push(pen.join());
    sheet.lastChild.setAttribute("points", drawing.strokes.at(-1).join(" "));
    if (performance.now() - asked > PAUSE) ask();
  };
  const place = ({ clientX, clientY }) => {
    const { left, top, width, height } = sheet.getBoundingClientRect();
    pen = [((clientX - left) / width) * SHEET, ((clientY - top) / height) * SHEET];
  };
  const lift = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = undefined;
    ask();
  };

  sheet.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    // Gestures are drawn in one stroke. Drawings that the model scales may have several.
    if (!model.settings.drawing) clear();
    drawing.strokes.push([]);
    sheet.append(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
    place(event);
    sample();
    timer = setInterval(sample, 1000 / (model.settings.rate ?? RATE));
  });
  sheet.addEventListener("pointermove", (event) => timer && place(event));
  sheet.addEventListener("pointerup", lift);
  sheet.addEventListener("pointercancel", lift);
  element("clear").addEventListener("click", clear);

  const read = () => {
    const [header, ...rows] = element("recording").value.trim().split(/\r?\n/).map((line) => line.split(/[,;\t]/));
    const number = (text) => (text?.trim() ? Number(text) : null);
    const channels = header.map((name, place) => [name.trim(), rows.map((row) => number(row[place]))]);
    run(() => client.predict(model.name, { channels: Object.fromEntries(channels) }), display);
  };
  element("recognition-table").addEventListener("submit", (event) => {
    event.preventDefault();
    read();
  });
  return {
    open(chosen, example) {
      model = chosen;
      const { channels, classes } = model.settings;
      const draws = channels.length === 2 && channels.includes("x") && channels.includes("y");
      element("drawn").hidden = !draws;
      element("recognition-table").hidden = draws;
      element("known-classes").textContent = `Classes: ${classes.join(", ")}.`;
      clear();
      if (draws) return;
      element("recognised").textContent = "";
      const rows = example.channels[channels[0]].map((_, row) => channels.map((name) => example.channels[name][row].toFixed(3)).join(","));
      element("recording").value = [channels.join(","), ...rows].join("\n");
      read();
    },
  };
}

function display({ label, probability, probabilities }) {
  element("recognised").textContent = `${label}, probability ${probability.toFixed(2)}`;
  const sorted = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const pairs = sorted.slice(0, 6).map(([name, value]) => {
    const [row, term, number] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
    [term.textContent, number.textContent] = [name, value.toFixed(2)];
    row.append(term, number);
    return row;
  });
  element("classes").replaceChildren(...pairs);
}
