"""A few cases of the campaign of hostile files, in its own process: it forks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).resolve().parents[2] / "campaigns" / "hostile.py"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.slow
def test_a_few_cases_of_each_kind(tmp_path: Path) -> None:
    out = tmp_path / "hostile.json"
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), "--count", "12", "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(out.read_text())
    assert record["kinds"] == {"picture": 12, "archive": 12, "yaml": 12, "name": 12}
    assert (record["tracebacks"], record["hangs"], record["written outside"]) == (0, 0, 0)
    assert record["exit codes"]["archive"] == {"2": 12}
