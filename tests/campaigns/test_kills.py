"""A handful of the cases of the campaign of kills."""

import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).resolve().parents[2] / "campaigns" / "kills.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.slow
def test_some_kills(tmp_path: Path) -> None:
    command = [sys.executable, str(CAMPAIGN), "--count", "6", "--only", "segment, NumPy"]
    command += ["--out", str(tmp_path / "kills.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
