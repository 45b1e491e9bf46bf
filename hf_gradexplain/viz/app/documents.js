// The section of documents: search, filters, order, and the pages of the list.

const PAGE = 10;

class DocumentList {
  constructor(page, store) {
    Object.assign(this, { page, store, first: 0, found: [] });
    this.wanted = {
      query: "", label: null, prediction: null, method: page.leading, order: "row",
      wrong: false, unsure: false, truncated: false, disagrees: false,
    };
    this.status = make("p", { class: "status", role: "status" });
    this.list = make("div", { class: "list" });
    this.pager = make("nav", { class: "pager", "aria-label": "Pages of documents" });
    this.node = make("div", {}, filterForm(page, this.wanted, () => this.search()), this.status, this.list, this.pager);
    this.search();
  }

  search() {
    this.found = findDocuments(this.store.index, this.wanted, this.page.limits);
    this.first = 0;
    this.ready = this.show();
  }

  // The buttons are made anew on every page, so the focus goes to the first document.
  async goTo(first) {
    this.first = Math.min(Math.max(first, 0), Math.max(this.found.length - 1, 0));
    await this.show();
    this.node.scrollIntoView({ block: "start" });
    this.list.querySelector("summary").focus({ preventScroll: true });
  }

  async show() {
    const { found, first, wanted } = this;
    const all = count(this.store.length, "document");
    const positions = found.slice(first, first + PAGE);
    const parts = await Promise.all(positions.map(position => this.store.document(position)));
    if (found !== this.found || first !== this.first) return;
    const isAll = found.length === this.store.length;
    this.status.textContent = isAll ? `${all}. Open a document to see all methods.` : `${thousands(found.length)} of ${all}`;
    const items = positions.map((position, i) => documentItem(this.page, position, parts[i], wanted.method));
    this.list.replaceChildren(...items);
    this.pager.replaceChildren(...pagerButtons(first, found.length, to => this.goTo(to)));
  }
}

function documentItem(page, position, shown, method) {
  const text = shadedText(page, position, shown, method);
  const item = make("details", { class: "document" }, make("summary", {}, documentFacts(page, position), text));
  item.addEventListener("toggle", () => {
    if (item.open && item.childElementCount === 1) item.append(openedDocument(page, position, shown));
  });
  return item;
}

function pagerButtons(first, total, goTo) {
  if (total <= PAGE) return [];
  const last = PAGE * Math.floor((total - 1) / PAGE);
  const button = (text, to, disabled) => make("button", { type: "button", disabled, click: () => goTo(to) }, text);
  const number = make("input", {
    type: "number", min: 1, max: last / PAGE + 1, value: first / PAGE + 1, "aria-label": "Page",
    change: event => goTo(PAGE * (Math.min(Math.max(Math.round(event.target.value) || 1, 1), last / PAGE + 1) - 1)),
  });
  return [
    button("Previous", first - PAGE, first === 0),
    make("span", {}, "page ", number, ` of ${thousands(last / PAGE + 1)}`),
    button("Next", first + PAGE, first >= last),
  ];
}
