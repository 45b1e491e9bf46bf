// A chart of lines over k, the number of units, with a marker that moves to any point. All lines have the same ks.

const MARGIN = { top: 12, right: 16, bottom: 40, left: 52 };

// From 30 units on, the axis of k is logarithmic above 1: the first few units matter most.
function scaleOfK(longest, from, to) {
  const position = longest < 30 ? k => k : k => (k <= 1 ? 0.4 * k : 0.4 + Math.log10(k));
  const end = position(Math.max(longest, 1));
  return k => from + ((to - from) * position(k)) / end;
}

function ticksOfK(longest) {
  if (longest < 30) return ticks(0, Math.max(longest, 1), 7).filter(Number.isInteger);
  const steps = [0];
  for (let power = 1; power <= longest; power *= 10) steps.push(power, 2 * power, 5 * power);
  return steps.filter(step => step <= longest);
}

function ticks(low, high, about) {
  const raw = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= raw * 0.999);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) values.push(i * step);
  return values;
}

function extent(chart) {
  const values = chart.lines.flatMap(line => [...line.values, ...(line.low ?? []), ...(line.high ?? [])]);
  if (chart.band) values.push(...chart.band.low, ...chart.band.high);
  const low = Math.min(0, ...values), high = Math.max(0, ...values);
  const room = 0.04 * (high - low || 1);
  return [low < 0 ? low - room : 0, high + room];
}

function path(ks, values, x, y) {
  return values.map((value, i) => `${i ? "L" : "M"}${x(ks[i]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function area(ks, low, high, x, y) {
  return path([...ks, ...ks.toReversed()], [...low, ...high.toReversed()], x, y) + "Z";
}

function lineChart(chart, { width, height, onPoint }) {
  const { ks } = chart;
  const longest = Math.max(1, ks.at(-1));
  const [low, high] = extent(chart);
  const x = scaleOfK(longest, MARGIN.left, width - MARGIN.right);
  const y = value => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
  const marker = draw("line", { class: "marker", y1: MARGIN.top, y2: height - MARGIN.bottom });
  const dots = chart.lines.map(line => draw("circle", { class: "dot", r: 3.2, variables: { "--line": line.color } }));
  const groups = chart.lines.map((line, i) => draw(
    "g", { class: "line", variables: { "--line": line.color } },
    line.low ? draw("path", { class: "interval", d: area(ks, line.low, line.high, x, y) }) : null,
    draw("path", { class: "curve", d: path(ks, line.values, x, y), "stroke-dasharray": line.dash || null }),
    dots[i],
  ));
  const node = draw(
    "svg", { class: "chart", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    ...axes(chart, { width, height, longest, low, high, x, y }),
    chart.band ? draw("path", { class: "band", d: area(chart.band.ks, chart.band.low, chart.band.high, x, y) }) : null,
    marker, ...groups,
  );
  const showAt = point => {
    marker.setAttribute("x1", x(ks[point]));
    marker.setAttribute("x2", x(ks[point]));
    chart.lines.forEach((line, i) => {
      dots[i].setAttribute("cx", x(ks[point]));
      dots[i].setAttribute("cy", y(line.values[point]));
    });
  };
  for (const kind of ["pointermove", "pointerdown"]) {
    node.addEventListener(kind, event => {
      onPoint(nearestPoint(event.clientX - node.getBoundingClientRect().left, ks.map(x)));
    });
  }
  return { node, showAt, only: name => fade(groups, chart.lines, name) };
}

function nearestPoint(at, places) {
  let point = 0;
  while (point + 1 < places.length && Math.abs(places[point + 1] - at) <= Math.abs(places[point] - at)) point += 1;
  return point;
}

function fade(groups, lines, name) {
  lines.forEach((line, i) => groups[i].classList.toggle("faded", name !== null && line.name !== name));
}

function axes(chart, { width, height, longest, low, high, x, y }) {
  const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
  const text = (content, at) => draw("text", at, content);
  const horizontal = ticks(low, high, height / 55).map(value => draw(
    "g", {},
    draw("line", { class: value === 0 ? "zero" : "grid", x1: left, x2: right, y1: y(value), y2: y(value) }),
    text(withMinus(String(Number(value.toPrecision(3)))), { x: left - 8, y: y(value) + 4, "text-anchor": "end" }),
  ));
  let free = -Infinity;
  const vertical = ticksOfK(longest).filter(k => {
    const fits = x(k) >= free;
    if (fits) free = x(k) + 12 + 8 * String(k).length;
    return fits;
  }).map(k => text(String(k), { x: x(k), y: bottom + 18, "text-anchor": "middle" }));
  const label = text(chart.x, { class: "axis", x: (left + right) / 2, y: height - 4, "text-anchor": "middle" });
  return [...horizontal, ...vertical, label];
}
