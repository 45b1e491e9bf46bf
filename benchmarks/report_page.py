"""Measure how fast the report of a run opens and searches in headless Chromium.

    python -m benchmarks.report_page outputs/evaluate/report.html

The report of a run is opened five times. The output has its size, the time to its first paint, the time until all
documents can be searched, and the time of a search until its results are painted.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.helpers.browser import browser

REPEATS = 5

QUERIES = ("market", "the new york", "zzz", "s", "#7")

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"

READY = "performance.getEntriesByName('documents-ready')[0].startTime"

SEARCH = """
(async query => {
  const painted = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
  const input = document.querySelector("input[type=search]");
  const list = document.querySelector(".list");
  const before = performance.now();
  const changed = new Promise(resolve => new MutationObserver(resolve).observe(list, { childList: true }));
  input.value = query;
  input.dispatchEvent(new Event("input"));
  await changed;
  await painted();
  return performance.now() - before;
})(%r)
"""


def measure(page: Path, folder: str) -> dict[str, list[float]]:
    """Return the times in milliseconds, by what they are of."""
    times: dict[str, list[float]] = {"first paint": [], "documents ready": [], "search": []}
    with browser(folder) as chromium:
        chromium.resize(1280)
        for _ in range(REPEATS):
            chromium.open(page)
            times["first paint"].append(chromium.run(PAINT))
            times["documents ready"].append(chromium.run(READY))
            times["search"] += [chromium.run(SEARCH % query) for query in QUERIES]
    return times


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("page", type=Path, help="the report of a finished run")
    page = parser.parse_args().page.resolve()
    print(f"size: {page.stat().st_size / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        for name, times in measure(page, folder).items():
            print(f"{name}: median {statistics.median(times):.0f} ms, largest {max(times):.0f} ms")


if __name__ == "__main__":
    main()
