// The values of a table for the chart. The model has its own reader, which accepts more forms of tables.

/** The known values of a column, as `{time, value}`; none if the table has no such column. */
export function values(table, column) {
  const lines = table.split(/\r?\n/).filter((line) => line.trim());
  if (!lines.length) return [];
  const separator = [",", ";", "\t"].find((separator) => lines[0].includes(separator)) ?? ",";
  const cells = (line) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  const header = cells(lines[0]);
  const place = header.indexOf(column);
  if (place < 0) return [];
  const timed = header.findIndex((name, index) => index !== place && !Number.isNaN(Date.parse(cells(lines[1] ?? "")[index])));
  const row = (line) => {
    const own = cells(line);
    return { time: own[timed]?.replace(" ", "T") ?? "", value: own[place] ? Number(own[place]) : NaN };
  };
  return lines.slice(1).map(row).filter(({ value }) => Number.isFinite(value));
}

/** A table with the rows of a history, and its waves repeated: an example of `periods` days for a model. */
export function example({ times, columns }, periods) {
  const names = Object.keys(columns);
  const step = Date.parse(`${times[1]}Z`) - Date.parse(`${times[0]}Z`);
  const time = (row) => new Date(Date.parse(`${times[0]}Z`) + row * step).toISOString().slice(0, 19);
  const rows = Array.from({ length: times.length * periods }, (_, row) => {
    return [time(row), ...names.map((name) => columns[name][row % times.length])].join(",");
  });
  return [["time", ...names].join(","), ...rows].join("\n");
}
