"""Malicious names and texts that try to break out of paths, YAML, Markdown, HTML and terminals."""

import random

PATHS = (
    *("../", "..", "/", "\\", "/etc/passwd", "C:\\", "~", "$HOME", "`id`", "$(id)", "%2e%2e%2f", "CON", "a" * 300),
    *(".git/config", "//host/share", "file:///etc/passwd", "hf://datasets/x/y", "*", "?", "-rf", " ", ".", "\x00"),
)
METADATA = (
    *("---", "\n---\n", "...", ": ", "- ", "# ", "!!python/object/apply:os.system ['id']", "&a", "*a", "{a: b}", "[1"),
    *("null", "yes", "0o17", "1e5", "2020-01-01", "=", "<<", "%YAML 1.1", "|\n", ">\n", "'", '"', "\ufeff", "\t", "@"),
    *("configs:\n", "license: mit", "\x85", "\u2028", "\r\n", "? ", "~"),
)
MARKDOWN = (
    *("[a](javascript:alert(1))", "![x](http://x/y.png)", "](x)", "[ref]: http://x", "| a | b |", "```", "~~~", "\n\n"),
    *("\n# title", "    code", "[^1]", "***", "__", "~~x~~", "\\", "&lt;b&gt;", "$$", "<https://x.org>", "===", "1. "),
    *("- [ ] x", "> quote", "\n\n---\n\n", "<!-- x", "-->", "\\|", "*x*", "_x_", ":smile:", "@someone", "#1"),
)
HTML = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style>", "</title>", "<b>", "<svg/onload=a>"),
    *("'onmouseover='a", "{{ 7*7 }}", "{% raw %}", "&#60;script&#62;", "<iframe src=//x>", "<![CDATA[", "<?php", "</"),
)
CHARACTERS = (
    "\x1b[31m",
    "\u202e",
    "\u2066",
    "\ud800",
    "\udfff",
    "\x07",
    "\x9b2J",
    "\uffff",
    "😀",
    "é",
    "中",
    "\u200d",
    "[red]",
)
FRAGMENTS = (*PATHS, *METADATA, *MARKDOWN, *HTML, *CHARACTERS, "word", "a b", "")


def strings(n: int, seed: int = 0) -> list[str]:
    """Return `n` strings: every fragment alone, then one to six random fragments joined."""
    rng = random.Random(seed)
    joined = ("".join(rng.choices(FRAGMENTS, k=rng.randint(1, 6))) for _ in range(n - len(FRAGMENTS)))
    return [*FRAGMENTS, *joined]
