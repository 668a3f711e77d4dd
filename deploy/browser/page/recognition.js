// Recognised drawings: the class follows while one draws. Models of videos see the drawing grow, and models of other
// recordings read a table.

const element = (id) => document.getElementById(id);
/** The side of the sheet in its own units; y points up in drawings and down on the page. */
const SHEET = 400;
/** Samples per second if the model does not tell a rate. */
const RATE = 60;
/** The smallest time between two questions, in milliseconds. */
const PAUSE = 80;
/** The number of images of a video of a drawing, as in the recipe pen-video. */
const IMAGES = 8;

export function setUp({ client, runner }) {
  const run = runner();
  const sheet = element("sheet");
  let model, pen, timer, asked = 0;
  const drawing = { x: [], y: [], strokes: [] };

  const clear = () => {
    clearInterval(timer);
    timer = undefined;
    run(async () => {}); // an answer that is still on its way is not displayed
    [drawing.x, drawing.y, drawing.strokes] = [[], [], []];
    sheet.replaceChildren();
    element("recognised").textContent = "Draw here with the mouse, a pen or a finger.";
    element("classes").replaceChildren();
  };
  const ask = () => {
    asked = performance.now();
    const { video } = model.settings;
    const input = video ? { images: images(drawing, video) } : { channels: { x: drawing.x, y: drawing.y } };
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
    if (timer || !event.isPrimary) return;
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    // Gestures are drawn in one stroke. Drawings that are scaled may have several.
    if (!model.settings.drawing && !model.settings.video) clear();
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

  const read = () => run(async () => client.predict(model.name, { channels: columns(element("recording").value) }), display);
  element("recognition-table").addEventListener("submit", (event) => {
    event.preventDefault();
    read();
  });
  return {
    open(chosen, example) {
      model = chosen;
      const { channels = [], classes, video } = model.settings;
      const draws = video || (channels.length === 2 && channels.includes("x") && channels.includes("y"));
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

/** The grey values of the images of a video that shows a drawing grow. The drawing is scaled to the size of an image. */
function images({ x, y }, side) {
  const pen = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  const [margin, lineWidth] = [(3 / 28) * side, (1.5 / 28) * side];
  Object.assign(pen, { strokeStyle: "white", lineCap: "round", lineJoin: "round", lineWidth });
  const [left, right, bottom, top] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
  const scale = (side - 2 * margin) / Math.max(right - left, top - bottom, 1);
  const place = (point) => [side / 2 + (x[point] - (left + right) / 2) * scale, side / 2 - (y[point] - (bottom + top) / 2) * scale];
  const last = x.length - 1;
  return Array.from({ length: IMAGES }, (_, image) => {
    pen.beginPath();
    pen.moveTo(...place(Math.round((last * image) / IMAGES)));
    for (let point = Math.round((last * image) / IMAGES); point <= Math.round((last * (image + 1)) / IMAGES); point++) pen.lineTo(...place(point));
    pen.stroke();
    const { data } = pen.getImageData(0, 0, side, side);
    return Array.from({ length: side * side }, (_, pixel) => data[4 * pixel + 3]); // white of this opacity on black
  });
}

/** The columns of a table, by name. An empty cell is a missing sample. */
function columns(table) {
  const lines = table.trim().split(/\r?\n/);
  const separator = [";", "\t", ","].find((separator) => lines[0].includes(separator)) ?? ",";
  const [header, ...rows] = lines.map((line) => line.split(separator).map((cell) => cell.trim()));
  const number = (cell, line) => {
    const value = cell === "" ? null : Number(cell);
    if (value !== null && !Number.isFinite(value)) throw new Error(`line ${line + 2}: \`${cell}\` is not a number`);
    return value;
  };
  rows.forEach((row, line) => {
    if (row.length !== header.length) throw new Error(`line ${line + 2} has ${row.length} cells, and the header ${header.length}`);
  });
  return Object.fromEntries(header.map((name, place) => [name, rows.map((row, line) => number(row[place], line))]));
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
