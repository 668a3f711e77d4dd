// Sentiment while one types: the probability, and the contribution of each word.

const element = (id) => document.getElementById(id);
const DECIDING = 8;

export function setUp({ client, runner }) {
  const run = runner();
  let model;
  const ask = () => {
    const text = element("review").value;
    if (text.trim()) run(() => client.predict(model.name, text, { explain: true }), display);
    else run(() => null, clear);
  };
  let timer;
  element("review").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  });
  return {
    open(chosen, example) {
      model = chosen;
      element("review").value ||= example;
      ask();
    },
  };
}

function clear() {
  element("verdict").textContent = "Write a review.";
  element("share").style.width = "50%";
  element("words").replaceChildren();
  element("deciding").replaceChildren();
}

function display({ label, probability, known_words, truncated, words }) {
  const notes = [known_words === 0 && "The model knows no word of the text.", truncated && "The text is too long; the model reads a part."];
  const percent = (100 * probability).toFixed(1);
  element("verdict").textContent = [`${label}: probability of a positive review ${percent} %.`, ...notes.filter(Boolean)].join(" ");
  element("share").style.width = `${percent}%`;
  const largest = Math.max(1e-9, ...words.map(({ contribution }) => Math.abs(contribution)));
  element("words").replaceChildren(...words.flatMap((word) => [coloured(word, largest), " "]));
  const deciding = words.filter(({ contribution }) => Math.abs(contribution) > largest / 20);
  deciding.sort((one, other) => Math.abs(other.contribution) - Math.abs(one.contribution));
  element("deciding").replaceChildren(...deciding.slice(0, DECIDING).map(pair));
}

function coloured({ word, contribution }, largest) {
  const span = document.createElement("span");
  span.textContent = word;
  const side = contribution < 0 ? "bad" : "good";
  span.style.background = `rgb(var(--${side}) / ${((0.6 * Math.abs(contribution)) / largest).toFixed(2)})`;
  return span;
}

function pair({ word, contribution }) {
  const [row, term, value] = ["div", "dt", "dd"].map((name) => document.createElement(name));
  term.textContent = word;
  value.textContent = signed(contribution);
  row.append(term, value);
  return row;
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
