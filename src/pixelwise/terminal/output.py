"""Lines and JSON on the terminal, without control characters and without markup."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

ACCENT, GOOD, BAD, WARN, QUIET = "cyan", "green", "red", "yellow", "bright_black"
BROKEN_PIPE = 141  # the exit code of a process that ends because its reader has gone
Part = str | tuple[str, str]  # a text, or a text and its style

# C0 but tab and newline, DEL, C1, line separators, marks that reverse the direction of text, halves of broken characters,
# and the two codes without a character: XML allows the rest
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
# What is printed where an encoding lacks a character: most of the same width, so that columns stay in line
_NEAREST = dict(zip("×·–—−“”‘’→←★━╸█²³Δ", "x*---\"\"''><*=-#23d", strict=True))
_NEAREST |= {"…": "...", "≤": "<=", "≥": ">=", "±": "+-"}


def prepare_output() -> None:
    """Let every text be printed on standard output and error; forget what the environment says wrongly of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="pixelwise")
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        if not re.fullmatch("[0-9]{1,4}", said := os.environ.get(name, "80")) or int(said) < 10:
            del os.environ[name]
    os.environ.pop("MPLBACKEND", None)  # plots are files; an unknown name would be an error


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks, in ASCII: a character like it, or its escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_NEAREST.get(one) or one.encode("unicode_escape").decode() for one in lacking), error.end


codecs.register_error("pixelwise", _nearest)


def clean(text: str) -> str:
    r"""The text with its control characters written out, so that a class or file name cannot steer the terminal.

    >>> print(clean("sky\x1b[2J"))
    sky\x1b[2J
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def clean_line(text: str) -> str:
    r"""The same in one line: a name with a line end in it cannot look like a line of pixelwise."""
    return clean(text).replace("\n", "\\n")


def cut(text: str, letters: int) -> str:
    """The beginning of a long name, with a mark that there is more."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


class _Stream:
    """A standard stream that may go away: its pipe or terminal is closed, or its disk is full.

    lasting:  the work continues without printing; else the command ends as Unix tools do: 141 where a pipe was closed
    """

    def __init__(self, stream: TextIO, name: str, lasting: bool) -> None:
        self._stream, self._name, self._lasting = stream, name, lasting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._end(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._end(error)

    def _end(self, error: OSError) -> None:
        if isinstance(error, BlockingIOError) and self._lasting:  # nobody reads at the moment
            return
        with suppress(OSError):  # it has no descriptor
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())  # also for what is still in its buffer
            os.close(nothing)
        if self._lasting:
            return
        if error.errno == errno.EPIPE:
            sys.exit(BROKEN_PIPE)
        say(f"error: {self._name} could not be written: {error.strerror or error}.", err=True)
        sys.exit(2)


@contextmanager
def standard_streams(*, lasting: bool) -> Iterator[None]:
    """Within, a standard stream that goes away ends the command, or with `lasting` is printed to no more."""
    before = sys.stdout, sys.stderr
    for descriptor in (0, 1, 2):  # a closed one would be given to the next file that is opened
        with suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, os.O_RDWR)
    if sys.stdout is not None:
        sys.stdout = cast(TextIO, _Stream(sys.stdout, "standard output", lasting))
    if sys.stderr is not None:
        sys.stderr = cast(TextIO, _Stream(sys.stderr, "standard error", lasting))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str = "", *, err: bool = False) -> None:
    """Print one line of plain text on standard output, or on standard error."""
    _write(clean(text), sys.stderr if err else sys.stdout)


def show_json(record: Mapping[str, Any]) -> None:
    """Print a record as JSON on standard output; control characters are escaped as JSON escapes them."""
    text = json.dumps(record, indent=2, ensure_ascii=False)
    _write(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text), sys.stdout)


def _write(text: str, stream: TextIO | None) -> None:
    """One line; what the stream's encoding lacks is written in ASCII. Nothing if the stream was closed at the start."""
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "pixelwise").decode(encoding) + "\n")
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


def styled(*parts: Part, cleaner: Callable[[str], str] = clean) -> Text:
    """Parts joined to one text, each cleaned; a part is a text, or a text and its style."""
    from rich.text import Text

    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((cleaner(text), style) for text, style in pairs))


def show_line(console: Console, *parts: Part) -> None:
    """Print one line. Where the output is not a terminal it is never broken, however long."""
    console.print(styled(*parts), soft_wrap=not console.is_terminal, highlight=False)
