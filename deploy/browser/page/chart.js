// A chart of a forecast: the past, the point forecast, and intervals of 80 % and 95 %, as inline SVG.

const SIZE = { width: 640, height: 260, left: 76, right: 10, top: 10, bottom: 28 };

/** A figure for the forecast of one column after the rows `past`, each `{time, value}`. */
export function chart(past, column) {
  const labels = [...past.map(({ time }) => time), ...(column.time ?? column.step).map(String)];
  const known = (values) => values.filter((value) => value !== null && Number.isFinite(value));
  const all = known([...past.map(({ value }) => value), ...column.forecast, ...column.low_95, ...column.high_95, ...column.observed]);
  const scale = scales(Math.min(...all), Math.max(...all), labels.length);
  const after = (values) => values.map((value, step) => [past.length + step, value]).filter(([, value]) => value !== null);
  const svg = node("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": summary(column) });
  svg.append(
    ...axis(scale, labels),
    band(scale, after(column.low_95), after(column.high_95)),
    band(scale, after(column.low_80), after(column.high_80)),
    line("past", scale, past.map(({ value }, row) => [row, value])),
    line("observed", scale, after(column.observed)),
    line("point", scale, after(column.forecast)),
  );
  return svg;
}

/** The forecast in a sentence, for the label of the chart. */
export function summary({ name, forecast, time, step }) {
  const [first, last] = [(time ?? step)[0], (time ?? step).at(-1)];
  const [low, high] = [Math.min(...forecast), Math.max(...forecast)].map((value) => written(value));
  return `${name}: ${forecast.length} steps from ${written(first)} to ${written(last)}, from ${low} to ${high}`;
}

/** A number with four significant digits, or a time without its seconds. */
export function written(value) {
  if (typeof value === "string") return value.replace("T", " ").replace(/:00$/, "");
  if (value === null) return "–";
  return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 });
}

function scales(low, high, count) {
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  const [bottom, top] = [low - margin, high + margin];
  const { width, height, left, right } = SIZE;
  const x = (place) => left + ((width - left - right) * place) / Math.max(1, count - 1);
  const y = (value) => SIZE.top + ((height - SIZE.top - SIZE.bottom) * (top - value)) / (top - bottom);
  return { x, y, bottom, top };
}

function axis({ x, y, bottom, top }, labels) {
  const lines = ticks(bottom, top).flatMap((value) => {
    const place = { x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(value), y2: y(value), class: "grid" };
    return [node("line", place), label(SIZE.left - 6, y(value) + 4, "end", written(value))];
  });
  const shown = [0.1, 0.48, 0.86].map((share) => Math.round(share * (labels.length - 1)));
  const times = shown.map((place) => label(x(place), SIZE.height - 7, "middle", written(labels[place])));
  return [...lines, ...times];
}

/** Round numbers between two values. */
function ticks(low, high) {
  const raw = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

function line(name, scale, points) {
  return node("path", { class: name, d: points.map((point, index) => `${index ? "L" : "M"}${at(scale, point)}`).join("") });
}

function band(scale, low, high) {
  const outline = [...low, ...high.reverse()].map((point) => at(scale, point)).join("L");
  return node("path", { class: "band", d: outline && `M${outline}Z` });
}

const at = ({ x, y }, [place, value]) => `${x(place).toFixed(1)} ${y(value).toFixed(1)}`;

function label(x, y, anchor, text) {
  const made = node("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

function node(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}
