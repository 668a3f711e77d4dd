// Forecasts of a pasted or dropped table, with a chart and a table for each column.

import { chart, summary, written } from "./chart.js";
import { example as exampleTable, values } from "./table.js";

const element = (id) => document.getElementById(id);
/** The rows before the forecast that the chart shows, per step of the forecast. */
const PAST = 4;
/** The length of the example table in lengths of the window that the model reads, so that intervals are calibrated. */
const WINDOWS = 8;

export function setUp({ client, runner }) {
  let model, example;
  const run = runner();
  const forecast = () => {
    const table = element("table").value;
    const at = element("at").value.trim();
    element("forecast-summary").textContent = "Forecasting…";
    element("charts").replaceChildren();
    const input = { table, columns: Object.keys(example.columns), known: model.settings.data.known ?? [] };
    run(() => client.predict(model.name, input, at ? { at } : null), (answer) => display(answer, table)).finally(
      () => !element("charts").children.length && (element("forecast-summary").textContent = ""),
    );
  };
  const fill = (table) => {
    element("table").value = table;
    forecast();
  };
  element("series").addEventListener("submit", (event) => {
    event.preventDefault();
    forecast();
  });
  element("sample").addEventListener("click", () => fill(exampleTable(example, WINDOWS)));
  element("file").addEventListener("change", ({ target }) => target.files[0]?.text().then(fill));
  dropped(element("forecasting"), fill);
  return {
    open(chosen, input) {
      [model, example] = [chosen, input];
      const names = Object.keys(example.columns).join(", ");
      element("columns").textContent = `The model reads ${example.times.length} rows or more, with the columns: ${names}.`;
      element("charts").replaceChildren();
      element("forecast-summary").textContent = "";
    },
  };
}

/** Calls `read` with the text of a file that is dropped on the page while `section` is shown. */
function dropped(section, read) {
  const over = (shown) => document.body.classList.toggle("dropping", shown);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(!section.hidden);
  });
  document.addEventListener("dragleave", () => over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (!section.hidden) event.dataTransfer.files[0]?.text().then(read);
  });
}

function display({ columns, calibrated, past_windows }, table) {
  const origin = calibrated ? `calibrated on ${past_windows} past windows` : "those of the network";
  element("forecast-summary").textContent = `${columns.map(summary).join("; ")}. The intervals are ${origin}.`;
  element("charts").replaceChildren(...columns.map((column) => figure(column, table)));
}

function figure(column, table) {
  const [made, caption] = ["figure", "figcaption"].map((name) => document.createElement(name));
  const quantity = column.quantity === "value" ? "" : ` (${column.quantity.replaceAll("-", " ")})`;
  caption.textContent = `${column.name}${quantity}: forecast, with 80 % and 95 % intervals`;
  // Forecasts of a volatility or a probability have another unit than the table.
  const rows = column.quantity === "value" ? values(table, column.name) : [];
  const before = column.time ? rows.filter(({ time }) => time < column.time[0]) : rows;
  made.append(caption, chart(before.slice(-PAST * column.forecast.length), column), steps(column));
  return made;
}

/** The numbers of the chart, for readers of the text. */
function steps(column) {
  const [details, title, scroll, table] = ["details", "summary", "div", "table"].map((name) => document.createElement(name));
  title.textContent = "Numbers";
  scroll.className = "scroll";
  const head = ["time", "forecast", "80 %", "95 %", "observed"];
  const interval = (low, high) => (low === null || high === null ? "–" : `${written(low)} to ${written(high)}`);
  const rows = column.forecast.map((point, step) => [
    written((column.time ?? column.step)[step]),
    written(point),
    interval(column.low_80[step], column.high_80[step]),
    interval(column.low_95[step], column.high_95[step]),
    written(column.observed[step]),
  ]);
  table.append(row(head, () => "th"), ...rows.map((cells) => row(cells, (index) => (index ? "td" : "th"))));
  scroll.append(table);
  details.append(title, scroll);
  return details;
}

function row(cells, name) {
  const made = document.createElement("tr");
  const filled = cells.map((text, index) => {
    const cell = document.createElement(name(index));
    cell.textContent = text;
    return cell;
  });
  made.append(...filled);
  return made;
}
