// The form above the documents. It writes into `wanted`, and calls `changed`.

function filterForm(page, wanted, changed) {
  const set = changes => {
    Object.assign(wanted, changes);
    changed();
  };
  const search = make("input", {
    type: "search", placeholder: "Words of the text, or #row", autocomplete: "off", spellcheck: "false",
    input: event => set({ query: event.target.value }),
  });
  const methods = page.methods.map((method, i) => [i, method.name]);
  const choices = [
    page.hasLabels && classChoice(page, "True class", page.index.label, label => set({ label })),
    page.hasClasses && classChoice(page, "Predicted class", page.index.prediction, prediction => set({ prediction })),
    field("Method", choice(methods, wanted.method, method => set({ method: Number(method) }))),
    field("Order", choice(orders(page), "row", order => set({ order }))),
  ];
  const { unsure, disagrees } = page.limits;
  const checks = [
    page.hasLabels && check("wrong prediction", wrong => set({ wrong })),
    page.hasClasses && check(`unsure: p below ${unsure}`, value => set({ unsure: value })),
    check("truncated", truncated => set({ truncated })),
    page.hasReference && check(
      `method disagrees with leave-one-out: r below ${disagrees}`, value => set({ disagrees: value }),
    ),
  ];
  return make(
    "form", { class: "filters", role: "search", submit: event => event.preventDefault() },
    field("Search", search), ...choices.filter(Boolean), make("div", { class: "checks" }, ...checks.filter(Boolean)),
  );
}

function orders(page) {
  return [
    ["row", "as in the dataset"],
    ["best", `${page.areaName}, best first`],
    ["worst", `${page.areaName}, worst first`],
    page.hasReference && ["agreement", "r with leave-one-out, lowest first"],
    page.hasClasses && ["unsure", "least sure first"],
  ].filter(Boolean);
}

function field(name, control) {
  return make("label", { class: "field" }, make("span", {}, name), control);
}

function check(name, changed) {
  const box = make("input", { type: "checkbox", change: event => changed(event.target.checked) });
  return make("label", { class: "check" }, box, make("span", {}, name));
}

function choice(options, selected, changed) {
  return make(
    "select", { change: event => changed(event.target.value) },
    ...options.map(([value, name]) => make("option", { value, selected: value === selected }, name)),
  );
}

// The classes that occur, each with its number of documents.
function classChoice(page, name, column, changed) {
  const counts = new Map();
  for (const number of column) if (number !== null) counts.set(number, (counts.get(number) ?? 0) + 1);
  const numbers = [...counts.keys()].sort((a, b) => a - b);
  const named = numbers.map(number => [number, `${page.className(number)} (${thousands(counts.get(number))})`]);
  return field(name, choice([["", "any"], ...named], "", value => changed(value === "" ? null : Number(value))));
}
