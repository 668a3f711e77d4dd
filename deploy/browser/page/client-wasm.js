// The client over WebAssembly: the models answer in a worker of this page. The build copies this file as `client.js`.

export const place = "The models run in this browser: no text and no table leaves it. After the first visit the page works without a network.";

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
let last = 0;

worker.onmessage = ({ data: { id, piece, answer, error } }) => {
  const { resolve, reject, onPiece } = waiting.get(id);
  if (piece !== undefined) return onPiece(piece);
  waiting.delete(id);
  error ? reject(Object.assign(new Error(error.message), error)) : resolve(answer);
};
worker.onerror = () => {
  const error = new Error("the worker does not run; use a browser with WebAssembly SIMD, such as Chrome 91, Firefox 89 or Safari 16.4");
  waiting.forEach(({ reject }) => reject(error));
};
navigator.serviceWorker?.register("service-worker.js");

/** Sends a request to the worker, and returns its answer. */
function call(request, onPiece, signal) {
  const id = (last += 1);
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, onPiece });
    signal?.addEventListener("abort", () => worker.postMessage({ id, verb: "stop" }));
    worker.postMessage({ id, ...request });
  });
}

/** The models beside this page. */
export async function models() {
  const response = await fetch("models.json");
  return (await response.json()).models;
}

/** An input that the model answers. Loads the model. */
export const example = (name) => call({ verb: "example", name });

/** The answer of a model to one input. */
export const predict = (name, input, options = null) => call({ verb: "predict", name, input, options });

/** Calls `onPiece` with each piece of the answer, until its end or until `signal` is aborted. */
export const stream = (name, input, options, onPiece, signal) => call({ verb: "stream", name, input, options }, onPiece, signal);
