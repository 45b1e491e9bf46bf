// Numbers as text, as in the tables of the page.

function withMinus(text) {
  return text.replaceAll("-", "−");
}

function fixed(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const text = value.toFixed(digits);
  return withMinus(Number(text) === 0 ? text.replace("-", "") : text);
}

// As `decimals_of` in viz/tables.py.
function decimalsOf(numbers) {
  const largest = Math.max(0, ...numbers.map(Math.abs));
  return largest ? Math.min(Math.max(3, Math.ceil(1 - Math.log10(largest))), 9) : 3;
}

function formatScore(value, signed) {
  if (value === 0) return "0";
  const text = withMinus(value.toPrecision(3));
  return signed && value > 0 ? `+${text}` : text;
}

function formatEstimate(value, margin, signed) {
  const score = formatScore(value, signed);
  return margin ? `${score}±${margin.toPrecision(2)}` : score;
}

function thousands(number) {
  return number.toLocaleString("en");
}

function count(number, noun) {
  return `${thousands(number)} ${noun}${number === 1 ? "" : "s"}`;
}
