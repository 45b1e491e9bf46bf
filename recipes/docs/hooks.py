"""Hooks of mkdocs: add pages from files outside of `docs/`, show notebooks as pages, and rewrite links.

mkdocs.yml names this file. A page of the site is a Markdown file or a notebook in `docs/`, or one of `PAGES`. In the
files, links are relative to the file, so that they work on GitHub. On the site, a link to a file that is a page leads
to this page, and a link to any other file of the repository leads to GitHub.
"""

import posixpath
import re
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[2]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/peers/README.md": "peers.md",
    "model_cards/README.md": "model-cards.md",
}
"""Files outside of `docs/` that are pages, and their names on the site."""
LINK = re.compile(r"(\]\()(?!https?:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
"""A Markdown link to a file: `](path#anchor)`."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from notebooks and from files outside of `docs/`."""
    for path, name in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / path).read_text(encoding="utf-8")))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(notebook)
        text, pictures = notebook_page(Path(notebook.abs_src_path or ""))
        files.append(File.generated(config, page_of(f"docs/{notebook.src_uri}") or "", content=text))
        for picture, content in pictures.items():
            files.append(File.generated(config, picture, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that work on GitHub into links that work on the site."""
    return site_links(markdown, page.file.src_uri, f"{config.repo_url}/blob/main")


def site_links(markdown: str, page: str, blob_url: str) -> str:
    """Return the text of a page with the links of the site.

    Args:
        markdown: The text, with links relative to its file.
        page: The name of the page on the site.
        blob_url: Where GitHub shows the files of the repository.
    """
    sources = {name: path for path, name in PAGES.items()}
    folder = posixpath.dirname(sources.get(page, f"docs/{page}"))

    def site_link(match: re.Match[str]) -> str:
        opening, target, anchor = match.groups(default="")
        path = posixpath.normpath(posixpath.join(folder, target))
        name = page_of(path)
        if name is None:
            return f"{opening}{blob_url}/{path}{anchor}"
        return opening + posixpath.relpath(name, posixpath.dirname(page) or ".") + anchor

    return LINK.sub(site_link, markdown)


def page_of(path: str) -> str | None:
    """Return the name on the site of a page or a picture of the repository; None for any other file.

    >>> page_of("docs/hub.md"), page_of("CHANGELOG.md"), page_of("docs/debug.ipynb"), page_of("docs/data.json")
    ('hub.md', 'changelog.md', 'debug.md', None)
    """
    if path.startswith("docs/") and path.endswith((".md", ".ipynb", ".png")):
        return re.sub(r"\.ipynb$", ".md", path.removeprefix("docs/"))
    return PAGES.get(path)


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return a notebook with its outputs as Markdown, and its pictures by their names on the site."""
    notebook = nbformat.read(path, as_version=4)
    exporter = MarkdownExporter(config={"ExtractOutputPreprocessor": {"enabled": True}})
    text, resources = exporter.from_notebook_node(
        notebook, {"unique_key": path.stem, "output_files_dir": f"{path.stem}_pictures"}
    )
    return text, dict(resources["outputs"])
