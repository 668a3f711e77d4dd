// The client over HTTP: the server is the one that serves this page. `serve` serves this file as `client.js`.

export const place = "The models answer on the server that serves this page.";

let list;

/** The models of the server, with an example input each. */
export function models() {
  return (list ??= call("GET", "v1/models").then((response) => response.json()).then(({ models }) => models));
}

/** An input that the model answers. */
export async function example(name) {
  return (await models()).find((model) => model.name === name).example;
}

/** The answer of a model to one input. */
export async function predict(name, input, options = null) {
  const response = await call("POST", path(name, "predict"), { input, options });
  return (await response.json()).output;
}

/** Calls `onPiece` with each piece of the answer, until its end or until `signal` is aborted. */
export async function stream(name, input, options, onPiece, signal) {
  const response = await call("POST", path(name, "stream"), { input, options }, signal);
  for await (const { event, data } of events(response.body)) {
    if (event === "piece") onPiece(data);
    if (event === "error") throw failure(data.error);
    if (event === "done") return;
  }
}

function path(name, verb) {
  return `v1/models/${encodeURIComponent(name)}/${verb}`;
}

async function call(method, url, body, signal) {
  const headers = body ? { "content-type": "application/json" } : {};
  const response = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body) });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw failure(error ?? { code: "http", message: `the server answers ${response.status}` });
}

function failure({ message, code, field }) {
  return Object.assign(new Error(message), { code, field });
}

/** The server-sent events of a body. */
async function* events(body) {
  let text = "";
  for await (const part of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    yield* blocks.map(parsed).filter(({ data }) => data !== undefined);
  }
}

/** The chunks of a stream; browsers without asynchronous iteration of streams have a reader. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

function parsed(block) {
  const lines = block.split("\n").map((line) => line.replace(/\r$/, ""));
  const values = (key) => lines.filter((line) => line.startsWith(`${key}:`)).map((line) => line.slice(key.length + 1).trimStart());
  const data = values("data");
  return { event: values("event")[0], data: data.length ? JSON.parse(data.join("\n")) : undefined };
}
