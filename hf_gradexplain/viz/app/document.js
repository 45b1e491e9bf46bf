// One document: its heading, its text shaded by the scores of a method, and what opens below it.

const STEPS = 20;

// A method without signs can still have negative scores, such as sums of gradients.
function sidesOf(method, scores) {
  if (method.signed) return ["supports", "opposes"];
  return scores.some(score => score < 0) ? ["positive", "negative"] : null;
}

function roleOf(score, sides) {
  if (score === 0) return "";
  return sides === null ? "amount" : score > 0 ? "for" : "against";
}

function shadedText(page, position, shown, number) {
  const [text, scores, method] = [page.index.text[position], shown.scores[number], page.methods[number]];
  const margins = shown.margins?.[number];
  const peak = Math.max(...scores.map(Math.abs), 0) || 1;
  const sides = sidesOf(method, scores);
  let start = 0;
  const pieces = shown.lengths.map((length, i) => {
    const piece = text.slice(start, start + length);
    const owner = shown.owners[i];
    start += length;
    const marked = shown.marked?.[i] ? " marked" : "";
    if (owner < 0) {
      const look = (owner === -1 ? "" : "unread") + marked;
      return look === "" ? piece : make("span", { class: look }, piece);
    }
    const step = Math.round((STEPS * Math.abs(scores[owner])) / peak);
    const title = formatEstimate(scores[owner], margins?.[owner], sides !== null);
    return make("span", { class: `u ${roleOf(scores[owner], sides)} s${step}${marked}`, title }, piece);
  });
  return make("div", { class: "text", dir: "auto" }, ...pieces);
}

function documentFacts(page, position) {
  const { index } = page;
  const [label, prediction, target] = [index.label[position], index.prediction[position], index.target[position]];
  const against = index.against?.[position];
  const name = number => make("b", {}, isolated(page.className(number)));
  const fact = (what, number, ...after) => make("span", {}, what, name(number), ...after);
  const parts = [make("b", { class: "row" }, `#${index.row[position]}`)];
  if (label !== null) parts.push(fact("true ", label));
  const output = index.value[position];
  if (prediction === null) parts.push(make("span", {}, `output ${fixed(output, decimalsOf([output]))}`));
  else parts.push(fact("predicted ", prediction, ` (${fixed(index.confidence[position])})`));
  if (prediction !== null && (target !== prediction || against)) {
    const other = against ? [" rather than ", make("b", {}, isolated(against))] : [];
    parts.push(fact("explained ", target, ...other, ` (${fixed(index.value[position])})`));
  }
  if (isWrong(index, position)) parts.push(make("span", { class: "mark wrong" }, "wrong"));
  if (isUnsure(index, position, page.limits)) parts.push(make("span", { class: "mark" }, "unsure"));
  if (index.truncated[position]) parts.push(make("span", { class: "mark wrong" }, "truncated: grey was not read"));
  return make("div", { class: "facts-line" }, ...parts);
}

function methodRow(page, position, shown, number) {
  const method = page.methods[number];
  const r = page.index.r[number][position];
  const areas = page.index.areas.map(ofMethod => ofMethod[position]);
  const digits = page.index.prediction[position] === null ? decimalsOf(areas) : 3;
  const figures = [`${page.areaName} ${fixed(areas[number], digits)}`];
  if (page.hasReference && !method.reference) figures.push(`r ${fixed(r, 2)}`);
  const remarks = [shown.remarks?.[number], method.warning].filter(Boolean);
  return make(
    "div", { class: "method" },
    make("div", { class: "name" }, isolated(method.name), ...figures.map(figure => make("span", {}, figure))),
    make("div", {}, shadedText(page, position, shown, number),
      ...remarks.map(remark => make("p", { class: "remark" }, remark))),
  );
}

// The units in the order of the text, with the score of every method.
function scoreTable(page, position, shown) {
  const text = page.index.text[position];
  const units = shown.scores[0].map(() => "");
  let start = 0;
  shown.lengths.forEach((length, i) => {
    const owner = shown.owners[i];
    if (owner >= 0 && units[owner] === "") units[owner] = text.slice(start, start + length);
    start += length;
  });
  const names = ["unit", ...page.methods.map(method => method.name)];
  const heads = names.map((name, i) => make("th", { scope: "col", class: i ? "number" : null }, isolated(name)));
  const signed = page.methods.map((method, m) => sidesOf(method, shown.scores[m]) !== null);
  const rows = units.map((unit, u) => make(
    "tr", {}, make("td", {}, isolated(unit)),
    ...shown.scores.map((scores, m) => make("td", { class: "number" }, formatEstimate(scores[u], shown.margins?.[m]?.[u], signed[m]))),
  ));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  makeSortable(table);
  const note = "± is half the width of the 95 % interval of a score that is estimated from random draws.";
  return make("div", {}, make("div", { class: "scroll" }, table), shown.margins ? make("p", { class: "note" }, note) : null);
}

function curveOf(page, position, shown) {
  const ks = shown.ks ?? shown.curves[0].map((_, k) => k);
  return {
    title: "Probability of the explained class as units are removed",
    x: "k, number of highest-scored units masked",
    ks,
    digits: page.index.prediction[position] === null ? decimalsOf(shown.curves.flat()) : 3,
    lines: page.methods.map((method, m) => ({ ...method, values: shown.curves[m] })),
  };
}

// Long texts scroll, all together, so that the methods show the same words. Browsers put what scrolls in the tab order.
function scrollTogether(texts) {
  for (const text of texts) {
    text.addEventListener("scroll", () => texts.forEach(other => { other.scrollTop = text.scrollTop; }));
  }
}

function openedDocument(page, position, shown) {
  const isEmpty = shown.scores[0].length === 0;
  if (isEmpty) return make("p", { class: "remark" }, "The model read no units of this text, so there are no scores.");
  const scores = make("details", { class: "more" }, make("summary", {}, "All scores"));
  scores.addEventListener("toggle", () => {
    if (scores.open && scores.childElementCount === 1) scores.append(scoreTable(page, position, shown));
  });
  const title = page.index.prediction[position] === null ? "Output" : "Probability";
  const rows = page.methods.map((_, number) => methodRow(page, position, shown, number));
  scrollTogether(rows.map(row => row.querySelector(".text")));
  return make(
    "div", { class: "opened" },
    make("div", { class: "methods" }, ...rows),
    make("h4", {}, `${title} of the explained class as each method’s top k units are removed`),
    chartPanel(curveOf(page, position, shown), { height: 220, start: 3, unit: "number of removed units" }),
    scores,
  );
}
