"""`pixelwise` called in the process of a test."""

from __future__ import annotations

import pytest

from pixelwise.cli import app


def run_command(*words: object) -> int:
    """The exit code of `pixelwise WORDS`."""
    with pytest.raises(SystemExit) as end:
        app([str(word) for word in words])
    return int(end.value.code or 0)


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Its exit code, standard output and standard error."""
    code = run_command(*words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err
