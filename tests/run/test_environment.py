"""Where a run was made, without naming a person or a host, and without importing torch for its version."""

import getpass
import json
import socket
import subprocess
import sys
from importlib.metadata import version

import pytest

from pixelwise.run import environment as module
from pixelwise.run.environment import commit, environment, machine_of


def test_it_is_json_with_versions_and_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/someone/bin/pixelwise", "train", "quickstart"])
    record = json.loads(json.dumps(environment(), allow_nan=False))
    assert record["packages"]["torch"] == version("torch")
    assert record["command"] == ["pixelwise", "train", "quickstart"]
    assert record["cores"] >= 1
    for private in (socket.gethostname(), f"/{getpass.getuser()}/", "someone"):
        assert private not in json.dumps(record)


def test_torch_is_not_imported_for_it() -> None:
    code = "import sys; from pixelwise.run.environment import environment; environment(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_without_git_or_a_package_there_is_no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit() is None
    monkeypatch.setattr(module, "PACKAGES", ("no-such-package-here",))
    monkeypatch.setattr("pixelwise.run.environment.USED", ())
    assert environment()["packages"] == {"no-such-package-here": None}


def test_a_package_that_builds_a_model_is_named_where_it_was_imported_or_recorded(monkeypatch):
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    assert "timm" not in environment()["packages"]
    assert environment(["timm"])["packages"]["timm"] == version("timm")
    monkeypatch.setitem(sys.modules, "timm", sys)
    assert environment()["packages"]["timm"] == version("timm")


def test_a_machine_is_named_by_what_was_recorded() -> None:
    recorded = {"processor": "AMD EPYC", "cores": 2, "gpu": "NVIDIA H200"}
    assert machine_of(recorded) == "AMD EPYC, 2 cores, NVIDIA H200"
    assert machine_of({**recorded, "gpu": None}) == "AMD EPYC, 2 cores"
    assert machine_of({}) == ""
