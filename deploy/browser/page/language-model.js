// Text generation, word by word.

const element = (id) => document.getElementById(id);
const number = (id) => element(id).valueAsNumber;

export function setUp({ client, runner }) {
  let model;
  let controller = new AbortController();
  const run = runner();
  element("generation").addEventListener("submit", (event) => {
    event.preventDefault();
    controller = new AbortController();
    run(() => generate(client, model.name, controller.signal));
  });
  element("stop").addEventListener("click", () => controller.abort());
  return {
    open(chosen, example) {
      controller.abort();
      model = chosen;
      element("prompt").value ||= example.prompt ?? example;
    },
  };
}

function options() {
  const top = number("top-k") > 0 ? { top_k: number("top-k") } : {};
  return { temperature: number("temperature"), ...top, length: number("length"), seed: number("seed") };
}

async function generate(client, name, signal) {
  const prompt = element("prompt").value;
  const text = element("text");
  const begin = document.createElement("b");
  begin.textContent = prompt;
  text.replaceChildren(begin);
  text.setAttribute("aria-busy", "true");
  busy(true);
  let pieces = 0;
  let first;
  try {
    await client.stream(name, prompt, options(), (piece) => {
      first ??= performance.now();
      pieces += 1;
      text.append(piece.text);
    }, signal);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    busy(false);
    text.setAttribute("aria-busy", "false");
  }
  const rate = pieces > 1 ? `, ${Math.round(((pieces - 1) * 1000) / (performance.now() - first))} per second` : "";
  element("speed").textContent = `${signal.aborted ? "Stopped after" : "Generated"} ${pieces} pieces${rate}.`;
}

function busy(running) {
  element("generate").disabled = running;
  element("stop").disabled = !running;
  element(running ? "stop" : "generate").focus();
}
