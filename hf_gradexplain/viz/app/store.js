// Reads the data of the page: JSON, compressed by gzip, in base64, one block per element.

const loaded = new Promise(resolve => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve);
  else resolve();
});

// A block that another element follows is complete, also while the rest of the page is loading.
async function holder(id) {
  const isComplete = document.getElementById(id)?.nextElementSibling;
  if (!isComplete) await loaded;
  return document.getElementById(id);
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), character => character.charCodeAt(0));
}

async function unpack(id) {
  const bytes = bytesOf((await holder(id)).textContent.trim());
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// The documents of the index, and the blocks that hold the rest of them, of which the last few are kept.
class Store {
  constructor(index) {
    this.index = index;
    this.blocks = new Map();
  }

  get length() {
    return this.index.text?.length ?? 0;
  }

  async document(position) {
    const { starts } = this.index;
    let number = 0;
    while (number + 1 < starts.length && starts[number + 1] <= position) number += 1;
    const block = this.blocks.get(number) ?? unpack(`block-${number}`);
    this.blocks.delete(number);
    this.blocks.set(number, block);
    if (this.blocks.size > 24) this.blocks.delete(this.blocks.keys().next().value);
    return (await block)[position - starts[number]];
  }
}
