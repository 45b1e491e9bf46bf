"""Make untrusted text safe to display: characters that control terminals, browsers or XML parsers become visible."""

import json
import re
from typing import Any

_SURROGATES = range(0xD800, 0xE000)
_C1_CONTROLS = range(0x80, 0xA0)
_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_NONCHARACTERS = (*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)))

_BIDI_MARKS = (0x061C, 0x200E, 0x200F)
_TAGS = range(0xE0000, 0xE0080)

_VISIBLE: dict[int, int] = {
    **dict.fromkeys((*_SURROGATES, *_C1_CONTROLS, *_BIDI_CONTROLS, *_NONCHARACTERS), 0xFFFD),
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys((0x2028, 0x2029), 0x0A),
}

_CONTROLS = (*(code for code in _VISIBLE if code > 0x7E), *_BIDI_MARKS, *_TAGS)
_ESCAPED_IN_JSON = re.compile(f"[{''.join(map(chr, _CONTROLS))}]")


def visible(text: str) -> str:
    r"""Replace the characters that control a display by visible ones.

    C0 controls and DEL become their control pictures (ESC becomes `␛`). C1 controls, bidirectional embeddings,
    overrides and isolates, lone surrogates and noncharacters become U+FFFD. Unicode line and paragraph separators
    become line feeds, as does CR LF. Tabs, line feeds and joiners (emoji, Indic scripts) stay.

    >>> visible("\x1b[31mred\r\n")
    '␛[31mred\n'
    """
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def one_line(text: str, width: int | None = None) -> str:
    r"""Put `text` on one line: `visible`, each run of whitespace as one space, at most `width` characters.

    >>> one_line("two\n  lines"), one_line("extraordinary", width=6)
    ('two lines', 'extra…')
    """
    line = " ".join(visible(text).split())
    return line if width is None or len(line) <= width else line[: max(width - 1, 0)].rstrip() + "…"


def json_text(value: Any, indent: int | None = None) -> str:
    r"""Return JSON that is safe to print: characters that control a display are escaped; parsers read the same value.

    The escaped characters are control characters (with C1 controls), bidirectional controls and marks, line separators,
    tags, lone surrogates and noncharacters. All other characters stay as they are.

    >>> json_text({"text": "naïve \x9b31m \u202e"})
    '{"text": "naïve \\u009b31m \\u202e"}'
    """
    return _ESCAPED_IN_JSON.sub(_escape, json.dumps(value, ensure_ascii=False, indent=indent))


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
