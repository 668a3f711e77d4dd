// Measures models in WebAssembly, in node: wasm_bench.mjs FOLDER…, each with a package, one line of JSON each. Needs the
// page: deploy/browser/build. The module predicts one input at a time, so the throughput is that of 32 predictions.

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
  return all.sort((one, other) => one - other);
}

const quantile = (sorted, share) => sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)];

for (const folder of process.argv.slice(2)) {
  const files = new code.Package();
  const start = performance.now();
  readdirSync(folder).forEach((name) => files.insert(name, readFileSync(join(folder, name))));
  const model = files.open();
  const load = performance.now() - start;
  const example = model.example();
  const one = times(() => model.predict(example, "null"));
  const runtime = `wasm, node ${process.versions.node}`;
  const [p50, p95] = [0.5, 0.95].map((share) => quantile(one, share));
  console.log(JSON.stringify({ model: basename(folder), runtime, load_ms: load, p50_ms: p50, p95_ms: p95, throughput_32: 1000 / p50, size_bytes: statSync(join(folder, "model.safetensors")).size }));
}
