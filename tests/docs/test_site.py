"""The pages are right on GitHub and on the site that `make docs` builds."""

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from functools import cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import markdown
import nbformat
import pytest
from markdown_it import MarkdownIt
from mkdocs.config import load_config
from pymdownx.slugs import slugify

from hf_gradexplain import Explainer
from hf_gradexplain.options.arguments import MeasureArguments
from recipes.docs.hooks import PAGES as GENERATED
from recipes.docs.hooks import page_of, site_links
from tests.docs.pages import PAGES, ROOT, read

BLOB = "https://github.com/hf-gradexplain/hf_gradexplain/blob/main"
NOTEBOOKS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.ipynb"))
ON_THE_SITE = [page for page in PAGES if page_of(page)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text_of(page):
    """The Markdown of a page or of a notebook."""
    if not page.endswith(".ipynb"):
        return read(page)
    cells = nbformat.read(ROOT / page, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def anchors(page):
    """What GitHub calls the headings of a page."""
    slug = slugify(case="lower")
    text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.S | re.M)
    return {slug(re.sub(r"\]\([^)]*\)", "", heading), "-") for heading in re.findall(r"^#+ (.*)$", text, flags=re.M)}


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS])
def test_links_lead_to_files_and_headings_of_the_repository(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text_of(page)):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor and path.suffix in (".md", ".ipynb"):
            assert anchor in anchors(str(path.resolve().relative_to(ROOT))), f"{target}#{anchor}"


def tokens_on_github(text):
    names = [token.tag for token in MarkdownIt("commonmark").enable("table").parse(text) if token.nesting >= 0]
    return {tag: names.count(tag) for tag in ("ul", "ol", "li", "table", "code", "h1", "h2", "h3")}


@cache
def configuration():
    return load_config(str(ROOT / "mkdocs.yml"), plugins=[], hooks=[])


def tokens_on_the_site(text):
    config = configuration()
    html = markdown.markdown(text, extensions=config.markdown_extensions, extension_configs=config.mdx_configs)
    code = len(re.findall(r"<pre", html))
    return {tag: len(re.findall(rf"<{tag}\b", html)) for tag in ("ul", "ol", "li", "table", "h1", "h2", "h3")} | {
        "code": code
    }


@pytest.mark.parametrize("page", ON_THE_SITE)
def test_a_page_has_the_same_parts_on_github_and_on_the_site(page):
    assert tokens_on_the_site(read(page)) == tokens_on_github(read(page))


def test_links_of_the_site():
    def link(text, page):
        return site_links(text, page, BLOB)

    assert link("[a](../CHANGELOG.md#x)", "hub.md") == "[a](changelog.md#x)"
    assert link("[a](docs/hub.md)", "changelog.md") == "[a](hub.md)"
    assert link("[a](../leaderboard.md)", "leaderboard/why.md") == "[a](../leaderboard.md)"
    assert link("[a](debug.ipynb)", "index.md") == "[a](debug.md)"
    assert link("[a](peers/README.md)", "benchmarks.md") == "[a](peers.md)"
    assert link("[a](../recipes/leaderboard/)", "leaderboard.md") == f"[a]({BLOB}/recipes/leaderboard)"
    assert link("[a](#b) [c](https://d.e/f.md)", "hub.md") == "[a](#b) [c](https://d.e/f.md)"


class References(HTMLParser):
    """What a page loads, and where it leads."""

    def __init__(self):
        super().__init__()
        self.loaded, self.linked = [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "a":
            self.linked.append(values.get("href") or "")
        elif tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(values["href"])
        elif tag in ("img", "script", "source", "iframe"):
            self.loaded += filter(None, (values.get("src"), values.get("srcset")))


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(ON_THE_SITE)
    for page in pages:
        references = References()
        references.feed(page.read_text(encoding="utf-8"))
        for target in (*references.loaded, *references.linked):
            url = urlsplit(target)
            if url.scheme == "data":
                continue
            if target in references.loaded:
                assert not url.netloc, f"{page.name} loads {target}"
            if target.startswith(BLOB):
                assert (ROOT / url.path.partition("/blob/main/")[2]).exists(), f"{page.name} -> {target}"
            elif not url.netloc and url.path and page.name != "404.html":
                assert (page.parent / url.path).exists(), f"{page.name} -> {target}"


def test_every_name_of_the_front_door_is_in_the_reference(site):
    html = (site / "api.html").read_text(encoding="utf-8")
    from hf_gradexplain import __all__ as names

    assert [name for name in names if not re.search(rf'id="hf_gradexplain(\.\w+)*\.{name}"', html)] == []


def test_the_reference_lists_every_option_with_its_default(site):
    html = (site / "api.html").read_text(encoding="utf-8")
    section = html.split('id="hf_gradexplain.Explainer.evaluate"')[1].split("</article>")[0]
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", section)))
    signature = text[: text.index("Measure how faithful")]
    for name, parameter in inspect.signature(Explainer.evaluate).parameters.items():
        if name not in ("self", "texts"):
            assert f"{name}={parameter.default!r}".replace("'", '"') in signature.replace("'", '"'), name
    assert all(part.metadata["help"][:60] in text for part in fields(MeasureArguments)[:-1])


def test_generated_pages_exist():
    assert [path for path in GENERATED if not (ROOT / path).exists()] == []
