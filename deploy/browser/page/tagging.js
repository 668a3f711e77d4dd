// Named entities, highlighted while one types.

const element = (id) => document.getElementById(id);
const COLORS = 6;

export function setUp({ client, runner }) {
  const run = runner();
  let model;
  const ask = () => run(() => client.predict(model.name, element("message").value), (answer) => display(answer, model));
  let timer;
  element("message").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  });
  return {
    open(chosen, example) {
      model = chosen;
      element("message").value ||= example;
      ask();
    },
  };
}

function display({ text, entities }, { settings }) {
  // Offsets count code points, and JavaScript's strings count UTF-16 units.
  const characters = Array.from(text);
  const parts = [];
  let end = 0;
  for (const entity of entities) {
    parts.push(characters.slice(end, entity.char_start).join(""), mark(entity, settings.kinds));
    end = entity.char_end;
  }
  parts.push(characters.slice(end).join(""));
  element("marked").replaceChildren(...parts);
  element("found").textContent = `${entities.length} ${entities.length === 1 ? "entity" : "entities"}.`;
}

function mark({ text, kind, confidence }, kinds) {
  const [marked, name] = ["mark", "small"].map((tag) => document.createElement(tag));
  marked.className = `kind-${Math.max(0, kinds.indexOf(kind)) % COLORS}`;
  marked.title = `confidence ${confidence.toFixed(2)}`;
  name.textContent = kind;
  marked.append(text, name);
  return marked;
}
