"""Sixteen cases of the campaigns of mutations, in this process: no traceback, no exit code but 0 and 2, nothing outside."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pixelwise.imaging.files import write_image

ROOT = Path(__file__).resolve().parents[2]
RUNS = Path(__file__).parent / "runs-0.1"
NAMES = ("segment", "labels", "colours", "scratch")


def script(name: str) -> ModuleType:
    """A module of campaigns/, which is a folder of scripts."""
    spec = importlib.util.spec_from_file_location(f"campaign_{name}", ROOT / "campaigns" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def damage() -> ModuleType:
    return script("damage")


@pytest.fixture(scope="module")
def call() -> ModuleType:
    return script("forked")


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.filterwarnings("default")  # in its own process a warning is printed
@pytest.mark.parametrize("kind", ["damage_run", "damage_checkpoint"])
@pytest.mark.parametrize("number", range(8))
def test_damage(
    kind: str, number: int, damage: ModuleType, call: ModuleType, quick_plots: None, tmp_path: Path
) -> None:
    draw = random.Random(f"test-{kind}-{number}")
    run, outside, picture = tmp_path / "run", tmp_path / "outside", tmp_path / "picture.png"
    shutil.copytree(RUNS / NAMES[number % 4], run)
    outside.mkdir()
    write_image(picture, np.zeros((40, 56, 3), np.uint8))
    what = getattr(damage, kind)(run, outside, draw)
    before = {path: path.lstat().st_mtime_ns for path in outside.rglob("*")}
    for words in (
        ["report", run],
        ["compare", run, RUNS / "segment"],
        ["predict", run, picture, "--out", tmp_path / "out", "--device", "cpu"],
        ["train", "--resume", run, "--data", tmp_path / "data"],
    ):
        code, said = call.call([str(word) for word in words])
        assert code in (0, 2), f"{what}: {words[0]} ended with {code}: {said}"
        assert "Traceback" not in said
    assert {path: path.lstat().st_mtime_ns for path in outside.rglob("*")} == before
