"""The figures on the teaching page are those that were measured."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_on_the_page_is_the_measured_one():
    path = ROOT / "benchmarks" / "scratch_conv.py"
    spec = importlib.util.spec_from_file_location("scratch_conv", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "scratch.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- table -->\n")[2].partition("\n<!-- end of table -->")[0]
    assert shown == benchmark.table(record)
