"""Where torch is not installed, everything works that does not need it, and the rest says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_the_session_where_the_import_of_torch_fails(tmp_path: Path) -> None:
    words = [sys.executable, str(HERE / "session.py"), str(tmp_path), "--hide"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "120"})
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_session_in_a_clean_environment() -> None:
    """Builds the wheel and downloads the short list of packages."""
    done = subprocess.run([ROOT / ".ci" / "without_torch"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
