// Which documents are shown, and in which order.

function hasLabels(index) {
  return index.label.some(label => label !== null);
}

function isWrong(index, position) {
  const { label, prediction } = index;
  return label[position] !== null && prediction[position] !== null && label[position] !== prediction[position];
}

function isUnsure(index, position, limits) {
  return index.confidence[position] !== null && index.confidence[position] < limits.unsure;
}

function disagrees(index, position, method, limits) {
  const r = index.r[method][position];
  return r !== null && r < limits.disagrees;
}

// Every word has to occur in the text; #12 is the document in row 12.
function matchesText(query) {
  const row = /^#\s*(\d+)$/.exec(query.trim());
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (index, position) => row
    ? index.row[position] === Number(row[1])
    : words.every(word => index.lowered[position].includes(word));
}

function conditions(wanted, limits) {
  const { query, label, prediction, method } = wanted;
  return [
    label !== null && ((index, i) => index.label[i] === label),
    prediction !== null && ((index, i) => index.prediction[i] === prediction),
    wanted.wrong && isWrong,
    wanted.unsure && ((index, i) => isUnsure(index, i, limits)),
    wanted.truncated && ((index, i) => index.truncated[i] === 1),
    wanted.disagrees && ((index, i) => disagrees(index, i, method, limits)),
    query.trim() !== "" && matchesText(query),
  ].filter(Boolean);
}

const ORDERS = {
  row: null,
  best: (index, method) => i => -index.areas[method][i],
  worst: (index, method) => i => index.areas[method][i],
  agreement: (index, method) => i => index.r[method][i] ?? Infinity,
  unsure: index => i => index.confidence[i] ?? Infinity,
};

function findDocuments(index, wanted, limits) {
  const tests = conditions(wanted, limits);
  const found = [];
  for (let i = 0; i < index.text.length; i += 1) {
    if (tests.every(test => test(index, i))) found.push(i);
  }
  const key = ORDERS[wanted.order]?.(index, wanted.method);
  return key ? found.sort((a, b) => key(a) - key(b) || a - b) : found;
}
