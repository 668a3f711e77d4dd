// Tests the built page in headless Chromium against the program, and measures it. Usage, after deploy/browser/build:
//   npm install --prefix target/tools/npm playwright-core
//   node deploy/browser/tests/page.mjs [FOLDER FOR SCREENSHOTS]

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const root = resolve(import.meta.dirname, "../../..");
const site = join(root, "target/browser");
const { chromium } = createRequire(join(root, "target/tools/npm/"))("playwright-core");
const screenshots = process.argv[2];

const REVIEW = "The cast is warm, but the plot is slow and not clever.";
const MESSAGE = "Barack Obama visited Berlin & Paris 🎧 to see the Beatles.";
const PROMPT = "the chairman said";
const LENGTH = 200;
const NEAR = 1e-5;

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
let requests = 0;
const server = createServer((request, response) => {
  // The browser looks for a newer service worker after each visit.
  if (request.url !== "/service-worker.js") requests += 1;
  const path = join(site, new URL(request.url, "http://x").pathname.replace(/\/$/, "/index.html"));
  if (!path.startsWith(site) || !existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(readFileSync(path));
});

/** The answer of the program, without the number of the line that the program adds. */
function zoo(...parts) {
  const { line, ...answer } = JSON.parse(execFileSync("cargo", ["run", "-q", "-p", "zoo", "--", ...parts, "--json"], { cwd: root, maxBuffer: 1e8 }));
  return answer;
}

/** Checks that two answers are equal, with numbers to a relative difference of `NEAR`. */
function near(one, other, path = "") {
  if (typeof one === "number" && typeof other === "number") {
    assert.ok(Math.abs(one - other) <= NEAR * Math.max(1, Math.abs(other)), `${path}: ${one} and ${other}`);
  } else if (one && typeof one === "object") {
    assert.deepEqual(Object.keys(one).sort(), Object.keys(other).sort(), path);
    Object.keys(one).forEach((key) => near(one[key], other[key], `${path}.${key}`));
  } else assert.equal(one, other, path);
}

const table = (rows) => {
  const value = (row) => Math.round(32000 + 6000 * Math.sin((2 * Math.PI * row) / 24) + 1500 * Math.cos(row / 11));
  const time = (row) => new Date(Date.UTC(2024, 0, 1, row)).toISOString().slice(0, 19);
  return ["time,PJME_MW", ...Array.from({ length: rows }, (_, row) => `${time(row)},${value(row)}`)].join("\n") + "\n";
};

/** Calls the page's own client. */
const call = (page, name, input, options) =>
  page.evaluate(async ([name, input, options]) => (await import("./client.js")).predict(name, input, options), [name, input, options]);

async function answersAreThoseOfTheProgram(page) {
  near(await call(page, "imdb-lstm", REVIEW, { explain: true }), zoo("sentiment", "predict", "--model", "imdb-lstm", "--explain", REVIEW));
  near(await call(page, "wnut17", MESSAGE, null), zoo("tagging", "predict", MESSAGE));
  const csv = join(root, "target/browser-table.csv");
  writeFileSync(csv, table(24 * 60));
  near(await call(page, "energy-day-ahead", { table: table(24 * 60), columns: ["PJME_MW"] }, null), zoo("forecasting", "forecast", "--model", "energy-day-ahead", "--csv", csv));
  const sampling = { temperature: 0.8, top_k: 40, seed: 7, length: 60 };
  const options = ["--temperature", "0.8", "--top-k", "40", "--seed", "7", "--length", "60"];
  const program = zoo("language-model", "generate", "--model", "ptb-lstm-small", ...options, PROMPT);
  const own = await call(page, "ptb-lstm-small", PROMPT, sampling);
  assert.equal(own.text, program.text);
  console.log("answers: equal to those of the program");
}

/** Uses the page as a reader does: by keyboard. */
async function pageIsUsed(page) {
  await page.goto("#sentiment");
  await page.locator("#verdict", { hasText: "probability" }).waitFor();
  await page.locator("#review").fill(REVIEW);
  await page.locator("#words span", { hasText: "clever" }).waitFor();
  await page.goto("#tagging");
  await page.locator("#message").fill(MESSAGE);
  await page.locator("#marked mark", { hasText: "Obama" }).waitFor();
  await page.goto("#forecasting");
  await page.locator("#columns", { hasText: "rows" }).waitFor();
  await page.locator("#sample").press("Enter");
  await page.locator("#charts svg .point").waitFor();
  await page.goto("#language-model");
  await page.locator("#status:empty").waitFor({ state: "attached" });
  await page.locator("#length").fill("1000");
  await page.locator("#generate").press("Enter");
  await page.locator("#text", { hasText: / \w+ \w+/ }).waitFor();
  await page.locator("#stop").press("Enter");
  await page.locator("#speed", { hasText: "Stopped" }).waitFor();
  await page.locator("#length").fill(String(LENGTH));
  await page.locator("#generate").press("Enter");
  await page.locator("#speed", { hasText: `Generated ${LENGTH}` }).waitFor();
  assert.equal(await page.locator("#error").textContent(), "");
  return page.locator("#speed").textContent();
}

/** Points on an arc, in a square with the side 1; angles in turns, clockwise from the right. */
const arc = (x, y, width, height, from, to) =>
  Array.from({ length: 25 }, (_, step) => {
    const angle = 2 * Math.PI * (from + ((to - from) * step) / 24);
    return [x + (width / 2) * Math.cos(angle), y + (height / 2) * Math.sin(angle)];
  });

/** Digits as a hand writes them: strokes of points, y points down. */
const DIGITS = [
  [arc(0.5, 0.5, 0.6, 0.9, -0.3, -1.28)],
  [[[0.4, 0.25], [0.55, 0.05], [0.52, 0.5], [0.5, 0.95]]],
  [[...arc(0.45, 0.3, 0.6, 0.5, -0.5, 0.1), [0.3, 0.75], [0.12, 0.95], [0.5, 0.93], [0.88, 0.92]]],
  [[...arc(0.4, 0.28, 0.55, 0.45, -0.45, 0.2), ...arc(0.4, 0.72, 0.65, 0.48, -0.2, 0.42)]],
  [[[0.35, 0.05], [0.2, 0.35], [0.1, 0.58], [0.5, 0.58], [0.9, 0.55]], [[0.65, 0.3], [0.6, 0.65], [0.55, 0.97]]],
  [[[0.3, 0.08], [0.27, 0.25], [0.25, 0.42], ...arc(0.42, 0.68, 0.6, 0.55, -0.35, 0.4)], [[0.3, 0.08], [0.55, 0.07], [0.85, 0.06]]],
  [[[0.7, 0.05], [0.45, 0.2], [0.28, 0.45], ...arc(0.47, 0.72, 0.45, 0.45, -0.5, -1.5)]],
  [[[0.15, 0.1], [0.5, 0.08], [0.85, 0.08], [0.65, 0.4], [0.5, 0.68], [0.4, 0.95]], [[0.3, 0.5], [0.5, 0.48], [0.78, 0.47]]],
  [[...arc(0.5, 0.28, 0.45, 0.45, -0.12, -0.75), ...arc(0.5, 0.73, 0.55, 0.48, -0.25, 0.75), ...arc(0.5, 0.28, 0.45, 0.45, 0.25, -0.12)]],
  [[...arc(0.45, 0.3, 0.5, 0.5, 0, -1), [0.68, 0.45], [0.62, 0.7], [0.55, 0.97]]],
];

/** Draws each digit with the mouse, and counts those that a model recognises. */
async function digitsAreRecognised(page, model) {
  await page.goto("#recognition");
  await page.locator("#model").selectOption(model);
  await page.locator("#known-classes", { hasText: "9" }).waitFor();
  const right = [];
  for (const [digit, strokes] of DIGITS.entries()) {
    await page.locator("#clear").click();
    const { x, y, width, height } = await page.locator("#sheet").boundingBox();
    const place = ([across, down]) => [x + width * (0.15 + 0.7 * across), y + height * (0.15 + 0.7 * down)];
    for (const [first, ...rest] of strokes) {
      await page.mouse.move(...place(first));
      await page.mouse.down();
      for (const point of rest) {
        await page.mouse.move(...place(point), { steps: 3 });
        await page.waitForTimeout(20);
      }
      await page.mouse.up();
    }
    await page.waitForTimeout(150);
    const found = await page.locator("#recognised").textContent();
    if (found.startsWith(`${digit},`)) right.push(digit);
    else console.log(`digit ${digit}: ${found}`);
  }
  console.log(`drawings: ${model} recognises ${right.length} of ${DIGITS.length} digits`);
  assert.ok(right.length >= 9, `recognised: ${right}`);
}

async function pictures(browser, address) {
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  for (const [name, colorScheme, width] of [["light", "light", 1000], ["dark", "dark", 1000], ["narrow", "light", 360]]) {
    const page = await browser.newPage({ baseURL: address, colorScheme, viewport: { width, height: 800 } });
    await page.goto("./");
    await pageIsUsed(page);
    for (const application of ["sentiment", "language-model", "forecasting", "tagging", "recognition"]) {
      await page.goto(`#${application}`);
      await page.locator(`#${application}`).waitFor(); // the page shows it and begins to load its model
      await page.locator("#status:empty").waitFor({ state: "attached" });
      if (application === "forecasting") await page.locator("#sample").click().then(() => page.locator("#charts svg").waitFor());
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${application} is wider than ${width}`);
      await page.screenshot({ path: join(screenshots, `${name}-${application}.png`), fullPage: true });
    }
    await page.close();
  }
}

const closed = () => new Promise((done) => (server.close(done), server.closeAllConnections()));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ baseURL: address });
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const start = performance.now();
  await page.goto("./");
  await page.locator("#verdict", { hasText: "probability" }).waitFor();
  console.log(`first answer: ${((performance.now() - start) / 1000).toFixed(2)} s`);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  const loaded = requests;
  await answersAreThoseOfTheProgram(page);
  console.log(`text: ${await pageIsUsed(page)}`);
  for (const model of ["pendigits", "pen-video"]) await digitsAreRecognised(page, model);
  assert.equal(requests, loaded, "the page made requests after it was loaded");
  await pictures(browser, address);
  await closed();
  await page.reload();
  await pageIsUsed(page);
  console.log("no request after loading; works with the server stopped");
  assert.deepEqual(problems, []);
  const wasm = join(site, "browser_bg.wasm");
  console.log(`browser_bg.wasm: ${statSync(wasm).size} bytes, ${gzipSync(readFileSync(wasm), { level: 9 }).length} with gzip`);
} finally {
  await browser.close();
  server.close();
}
