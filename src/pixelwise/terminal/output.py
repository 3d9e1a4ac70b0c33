"""Lines and JSON on the terminal, without control characters and without markup."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

ACCENT, GOOD, BAD, WARN, QUIET = "cyan", "green", "red", "yellow", "bright_black"
Part = str | tuple[str, str]  # a text, or a text and its style

# C0 but tab and newline, DEL, C1, line separators, marks that reverse the direction of text, halves of broken characters
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    r"""The text with its control characters written out, so that a class or file name cannot steer the terminal.

    >>> print(clean("sky\x1b[2J"))
    sky\x1b[2J
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str = "", *, err: bool = False) -> None:
    """Print one line of plain text on standard output, or on standard error."""
    _write(clean(text), sys.stderr if err else sys.stdout)


def show_json(record: Mapping[str, Any]) -> None:
    """Print a record as JSON on standard output; control characters are escaped as JSON escapes them."""
    text = json.dumps(record, indent=2, ensure_ascii=False)
    _write(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text), sys.stdout)


def _write(text: str, stream: TextIO) -> None:
    """One line; what the stream's encoding lacks is escaped."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def result_console() -> Console:
    """The console for results: standard output."""
    from rich.console import Console

    return Console(highlight=False, markup=False)


def progress_console() -> Console:
    """The console for progress: standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def as_text(show: Callable[[Console], None]) -> str:
    """What `show` prints on a console, as plain text, also in a notebook or where colours are forced."""
    from rich.console import Console

    stream = StringIO()
    show(Console(file=stream, width=100, force_terminal=False, force_jupyter=False, highlight=False, markup=False))
    return stream.getvalue()


def is_live(console: Console) -> bool:
    """Whether lines can be drawn over: a terminal that knows how."""
    return console.is_terminal and not console.is_dumb_terminal


def has_unicode(console: Console) -> bool:
    """Whether the console's encoding has every character."""
    return console.encoding.lower().startswith("utf")


def styled(*parts: Part) -> Text:
    """Parts joined to one text, each cleaned; a part is a text, or a text and its style."""
    from rich.text import Text

    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((clean(text), style) for text, style in pairs))


def show_line(console: Console, *parts: Part) -> None:
    """Print one line. Where the output is not a terminal it is never broken, however long."""
    console.print(styled(*parts), soft_wrap=not console.is_terminal, highlight=False)
