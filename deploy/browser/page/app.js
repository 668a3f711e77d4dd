// The frame of the page: the applications, the models of each, and errors. Each application has a module with `setUp`,
// which connects its controls and returns `open(model, example)`, called when a model is chosen.

import * as client from "./client.js";
import * as sentiment from "./sentiment.js";
import * as language from "./language-model.js";
import * as forecasting from "./forecasting.js";
import * as tagging from "./tagging.js";
import * as recognition from "./recognition.js";

const APPLICATIONS = {
  sentiment: { title: "Sentiment", module: sentiment },
  "language-model": { title: "Text", module: language },
  forecasting: { title: "Forecast", module: forecasting },
  tagging: { title: "Entities", module: tagging },
  recognition: { title: "Drawings", module: recognition },
};

const element = (id) => document.getElementById(id);
const tell = (message) => (element("status").textContent = message);
const fail = (error) => (element("error").textContent = error ? error.message : "");

/** Runs a task, and displays its error. A newer task of the same `runner` makes the answer of an older one obsolete. */
function runner() {
  let newest = 0;
  return async (task, display) => {
    const number = (newest += 1);
    try {
      const answer = await task();
      if (number !== newest) return;
      fail();
      display?.(answer);
    } catch (error) {
      if (number === newest) fail(error);
    }
  };
}

function menu(applications) {
  const links = applications.map((application) => {
    const link = document.createElement("a");
    link.href = `#${application}`;
    link.textContent = APPLICATIONS[application].title;
    return link;
  });
  element("applications").replaceChildren(...links);
}

async function main() {
  const models = await client.models();
  const applications = Object.keys(APPLICATIONS).filter((name) => models.some((model) => model.application === name));
  const panels = Object.fromEntries(
    applications.map((name) => [name, APPLICATIONS[name].module.setUp({ client, runner })]),
  );
  menu(applications);
  const opening = runner();

  function open() {
    const model = models.find((model) => model.name === element("model").value);
    element("about").textContent = `${model.about} ${model.parameters.toLocaleString("en")} parameters.`;
    tell(`Loading ${model.name}…`);
    opening(
      () => client.example(model.name),
      (example) => {
        tell("");
        panels[model.application].open(model, example);
      },
    ).then(() => tell(""));
  }

  function show() {
    const wanted = location.hash.slice(1);
    const application = applications.includes(wanted) ? wanted : applications[0];
    applications.forEach((name) => (element(name).hidden = name !== application));
    for (const link of element("applications").children) {
      const current = link.hash === `#${application}`;
      current ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
    }
    const own = models.filter((model) => model.application === application);
    element("model").replaceChildren(...own.map(({ name }) => new Option(name, name)));
    fail();
    open();
  }

  element("chosen").hidden = false;
  element("place").textContent = client.place;
  element("model").addEventListener("change", open);
  window.addEventListener("hashchange", () => location.hash !== "#main" && show());
  show();
}

main().catch((error) => {
  tell("");
  fail(error);
});
