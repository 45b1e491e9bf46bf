// Puts charts, sorted tables and all documents in the place of the static figures and documents.

async function start() {
  for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
  const page = await unpack("page-data");
  if (page.charts.length) {
    const options = { height: 380, start: page.shortK, unit: "number of units" };
    document.getElementById("curves").replaceChildren(...chartChoice(page.charts, options));
  }
  const index = await unpack("index-data");
  if (!index.text?.length) return;
  index.lowered = index.text.map(text => text.toLowerCase());
  Object.assign(page, {
    index,
    className: number => index.classes[number] ?? `class ${number}`,
    hasLabels: hasLabels(index),
    hasClasses: index.prediction.some(prediction => prediction !== null),
    hasReference: index.r.some(column => column.some(r => r !== null)),
  });
  const list = new DocumentList(page, new Store(index));
  await list.ready;
  document.getElementById("documents").replaceChildren(list.node);
  performance.mark("documents-ready");
  document.documentElement.dataset.ready = "true";
}

if ("DecompressionStream" in window && "toSorted" in Array.prototype) start();
