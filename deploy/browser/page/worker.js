// The worker of the page: it fetches packages, and asks the models in WebAssembly.

import init, { Package } from "./browser.js";

const ready = init();
const opened = new Map();
const stopped = new Set();

/** Opens a model, once. A model that could not be loaded is tried again. */
function model(name) {
  if (!opened.has(name)) {
    const opening = load(name);
    opening.catch(() => opened.delete(name));
    opened.set(name, opening);
  }
  return opened.get(name);
}

async function load(name) {
  await ready;
  const manifest = await read(`models/${name}/manifest.json`);
  const names = Object.keys(JSON.parse(new TextDecoder().decode(manifest)).files);
  const files = await Promise.all(names.map((file) => read(`models/${name}/${file}`)));
  const contents = new Package();
  contents.insert("manifest.json", manifest);
  names.forEach((file, index) => contents.insert(file, files[index]));
  return contents.open();
}

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`cannot load ${path}: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Generates an answer piece by piece. Between two pieces the worker looks for a message that stops it. */
async function stream(model, { id, input, options }) {
  const session = model.begin(JSON.stringify(input), JSON.stringify(options));
  try {
    while (!stopped.delete(id)) {
      const piece = model.next(session);
      if (piece === undefined) return;
      postMessage({ id, piece: JSON.parse(piece) });
      await breath();
    }
  } finally {
    session.free();
  }
}

/** Lets the worker receive messages, without the delay of a timer. */
const channel = new MessageChannel();
function breath() {
  return new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });
}

const VERBS = {
  example: (model) => JSON.parse(model.example()),
  predict: (model, { input, options }) => JSON.parse(model.predict(JSON.stringify(input), JSON.stringify(options))),
  stream,
};

/** The error object of the module, which is a JSON text; or another error. */
function described(error) {
  return typeof error === "string" ? JSON.parse(error) : { code: "internal", message: error.message };
}

onmessage = async ({ data }) => {
  if (data.verb === "stop") return stopped.add(data.id);
  try {
    postMessage({ id: data.id, answer: await VERBS[data.verb](await model(data.name), data) });
  } catch (error) {
    postMessage({ id: data.id, error: described(error) });
  }
};
