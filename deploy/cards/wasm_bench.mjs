// Measures models in WebAssembly, in node: wasm_bench.mjs FOLDER…, each with a package, one line of JSON each, with all
// times. Needs the page: deploy/browser/build. The module predicts one input at a time.

import { readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const [LONGEST, MOST, FEWEST] = [3000, 200, 3];
const site = resolve(import.meta.dirname, "../../target/browser");
const code = await import(join(site, "browser.js"));
code.initSync({ module: readFileSync(join(site, "browser_bg.wasm")) });

function times(run) {
  run();
  const start = performance.now();
  const all = [];
  while (all.length < FEWEST || (all.length < MOST && performance.now() - start < LONGEST)) {
    const begin = performance.now();
    run();
    all.push(performance.now() - begin);
  }
  return all;
}

for (const folder of process.argv.slice(2)) {
  const names = readdirSync(folder).filter((name) => !/\.(md|svg)$|^training\.json$/.test(name)); // what inference reads
  const files = new code.Package();
  const start = performance.now();
  names.forEach((name) => files.insert(name, readFileSync(join(folder, name))));
  const model = files.open();
  const load = performance.now() - start;
  const example = model.example();
  console.log(JSON.stringify({
    model: basename(folder),
    runtime: `wasm, node ${process.versions.node}`,
    size_bytes: names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0),
    load_ms: load,
    one_ms: times(() => model.predict(example, "null")),
  }));
}
