// A chart with its key: a table of the values at one point, whose buttons show one method alone.

const STEPS_OF_KEYS = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity,
};

function chartPanel(chart, { height, start, unit }) {
  const { ks } = chart;
  const state = { point: Math.max(0, ks.findLastIndex(k => k <= start)), only: null };
  const range = { "aria-label": `k, ${unit}`, "aria-valuemin": 0, "aria-valuemax": ks.at(-1) };
  const holder = make("div", { class: "plot", role: "slider", tabindex: 0, ...range });
  const body = make("tbody");
  const value = make("output");
  const heads = [make("th", { scope: "col" }, "method"), make("th", { scope: "col", class: "number" }, value)];
  const key = make("table", { class: "key" }, make("thead", {}, make("tr", {}, ...heads)), body);
  const rows = chart.lines.map(line => keyRow(line, chart.digits, () => {
    state.only = state.only === line.name ? null : line.name;
    update();
  }));
  let drawn = null;

  function update() {
    holder.setAttribute("aria-valuenow", ks[state.point]);
    value.textContent = `at k = ${ks[state.point]}`;
    for (const row of rows) row.show(state.point, state.only);
    const sorted = rows.toSorted((a, b) => b.value - a.value).map(row => row.node);
    // Moving a row would take the focus from its button.
    if (sorted.some((node, i) => node !== body.children[i])) body.replaceChildren(...sorted);
    drawn?.showAt(state.point);
    drawn?.only(state.only);
  }

  function moveTo(point) {
    const inside = Math.min(Math.max(point, 0), ks.length - 1);
    if (inside === state.point) return;
    state.point = inside;
    update();
  }

  function redraw() {
    const width = Math.max(holder.clientWidth, 240);
    drawn = lineChart(chart, { width, height, onPoint: moveTo });
    holder.replaceChildren(drawn.node);
    update();
  }

  holder.addEventListener("keydown", event => {
    if (!(event.key in STEPS_OF_KEYS)) return;
    event.preventDefault();
    moveTo(state.point + STEPS_OF_KEYS[event.key]);
  });
  watchWidth(holder, redraw);
  update();
  return make("div", { class: "chart-panel" }, holder, make("div", { class: "scroll" }, key));
}

function watchWidth(element, redraw) {
  let width = 0;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    redraw();
  }).observe(element);
}

function keyRow(line, digits, onPress) {
  const number = make("span", { class: "value" });
  const interval = make("span", { class: "between" });
  const button = make(
    "button", { type: "button", "aria-pressed": "false", title: "Show this method alone", click: onPress },
    make("span", { class: "swatch", variables: { "--line": line.color } }), isolated(line.name),
  );
  const node = make("tr", {}, make("th", { scope: "row" }, button), make("td", { class: "number" }, number, interval));
  const row = {
    node,
    value: 0,
    show(at, only) {
      row.value = line.values[at];
      number.textContent = fixed(row.value, digits);
      interval.textContent = line.low ? ` [${fixed(line.low[at], digits)}, ${fixed(line.high[at], digits)}]` : "";
      button.setAttribute("aria-pressed", String(only === line.name));
      node.classList.toggle("faded", only !== null && only !== line.name);
    },
  };
  return row;
}

// One chart of several at a time, chosen by radio buttons.
function chartChoice(charts, options) {
  const panel = make("div");
  const note = make("p", { class: "note" });
  const show = chart => {
    panel.replaceChildren(chartPanel(chart, options));
    note.textContent = chart.note;
  };
  const radios = charts.map((chart, i) => make(
    "label", {},
    make("input", { type: "radio", name: "chart", checked: i === 0, change: () => show(chart) }),
    make("span", {}, chart.title),
  ));
  show(charts[0]);
  const choice = make("fieldset", { class: "choice" }, make("legend", {}, "Curve"), ...radios);
  return charts.length > 1 ? [choice, panel, note] : [panel, note];
}
