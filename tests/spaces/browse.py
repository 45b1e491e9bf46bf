"""Use the demo in Chromium: `browse.py URL MODEL MODEL BROWSER FOLDER`; prints what the page shows, as JSON."""

import json
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

URL, BERT, FASTTEXT, BROWSER, FOLDER = sys.argv[1:]
ATTACK = "<img src=x onerror=\"document.title='attacked'\">"


def explain(page: Page, text: str) -> None:
    page.get_by_label("Text", exact=False).first.fill(text)
    page.get_by_role("button", name="Explain", exact=True).click()


def choose_when_offered(page: Page, dropdown: Locator, name: str) -> None:
    """Choose an option that is offered once the model is loaded; open dropdowns do not show new options."""
    option = page.get_by_role("option", name=name)
    for _ in range(60):
        dropdown.click()
        page.wait_for_timeout(500)
        if option.count():
            option.click()
            return
        dropdown.blur()
        page.wait_for_timeout(500)
    raise AssertionError(f"{name} is not offered")


def visit(page: Page) -> dict:
    """Explain an example, a class of another model, a hostile text, and something that cannot be explained."""
    elsewhere = []
    page.on("request", lambda request: request.url.startswith((URL, "data:")) or elsewhere.append(request.url))
    page.goto(URL)
    page.get_by_text("The plot is thin").click()
    page.get_by_role("button", name="Explain", exact=True).click()
    page.wait_for_selector(".hfgx")
    shown = {"example": page.locator(".hfgx").first.inner_text()}

    page.get_by_label("Model").first.click()
    page.get_by_role("option", name=FASTTEXT).click()
    target = page.get_by_label("Class to explain").first
    choose_when_offered(page, target, "LABEL_1")
    explain(page, f"the film is bad {ATTACK}")
    page.wait_for_function("() => document.querySelector('.hfgx')?.innerText.includes('LABEL_1')")
    shown["hostile"] = page.locator(".hfgx .text").first.inner_text()
    shown["top words"] = page.locator("table").first.inner_text()
    page.screenshot(path=Path(FOLDER, f"{page.viewport_size['width']}.png"), full_page=True)
    shown["width"] = page.evaluate("document.documentElement.scrollWidth")

    target.fill(ATTACK)
    explain(page, "the film is bad")
    page.wait_for_selector("[data-testid=toast-body]")
    shown["error"] = page.locator("[data-testid=toast-body]").inner_text()
    shown["images"] = page.locator("img[src=x]").count()
    return {**shown, "title": page.title(), "elsewhere": elsewhere}


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
    shown = {}
    for width, scheme in ((1280, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(120_000)
        shown[width] = visit(context.new_page())
        context.close()
    browser.close()
print(json.dumps(shown))
