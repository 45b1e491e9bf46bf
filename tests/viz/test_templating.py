import pytest
from markdown_it import MarkdownIt

from hf_gradexplain.viz.templating import HTML, MARKDOWN, escape_markdown

HOSTILE = [
    "a|b",
    "`code`",
    "``` fence",
    "<script>alert(1)</script>",
    "<!-- comment",
    "[text](javascript:alert(1))",
    "![image](https://example.org/x.png)",
    "[reference]: https://example.org",
    "*bold* **bold** _it_ __it__ ~~gone~~",
    "\\",
    "\\| \\` \\<b>",
    "&lt;b&gt; &amp; &#35;",
    "# heading",
    "> quote",
    "- item",
    "+ item",
    "* item",
    "1. item",
    "12) item",
    "---",
    "===",
    "$x$ $$y$$",
    "two\n\nparagraphs",
    "line  \nbreak",
    "\x00\x1b[31m\u202e",
    "snake_case_name -0.5 (ok) 50%!",
]


def rendered_text(markdown: str) -> str:
    """Return the text of Markdown that renders as a single paragraph of plain text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children} <= {"text", "text_special"}
    return "".join(child.content for child in tokens[1].children)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_renders_as_the_text_itself(text):
    shown = " ".join(text.replace("\x00\x1b", "␀␛").replace("\u202e", "�").split())
    assert rendered_text(escape_markdown(text)) == shown


def test_names_and_numbers_are_readable_in_the_source():
    assert escape_markdown("sa_l1 -0.5, 3.2 (95 %)") == "sa_l1 -0.5, 3.2 (95 %)"


def test_templates_escape_every_value():
    assert MARKDOWN.from_string("{{ x }}").render(x="a|b\n<i>") == r"a\|b &lt;i&gt;"
    assert HTML.from_string("{{ x }}").render(x="<i>\x1b") == "&lt;i&gt;␛"


def test_all_hostile_strings_stay_in_their_cells():
    rows = "\n".join(f"| {escape_markdown(text)} | 1 |" for text in HOSTILE)
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| text | n |\n| --- | --- |\n{rows}\n")
    assert sum(token.type == "td_open" for token in tokens) == 2 * len(HOSTILE)
    assert not [token for token in tokens if token.type.startswith("html")]


@pytest.mark.parametrize("environment", [HTML, MARKDOWN])
def test_lines_of_blocks_leave_no_trace(environment):
    template = environment.from_string("  {% if true %}\n x\n  {% endif %}\n\n")
    assert template.render() == " x\n\n"
