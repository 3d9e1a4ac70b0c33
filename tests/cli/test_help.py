"""The command line starts light: help of every command imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixelwise.cli import COMMANDS, app

HEAVY = ("torch", "torchvision", "numpy", "pydantic", "matplotlib", "scipy", "skimage", "sklearn", "PIL", "yaml")


def in_child(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy() -> None:
    done = in_child(
        "import sys; sys.argv = ['pixelwise', '--help']\n"
        "from pixelwise.__main__ import main\n"
        "try: main()\n"
        f"finally: assert not set({HEAVY}) & set(sys.modules), set({HEAVY}) & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_list_imports_nothing_heavy() -> None:
    heavy = set(HEAVY) - {"yaml"}
    done = in_child(
        "import sys; sys.argv = ['pixelwise', 'list']\n"
        "from pixelwise.__main__ import main\n"
        "try: main()\n"
        f"finally: assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
    assert "voc2007/unet" in done.stdout


def test_help_of_every_command_imports_no_torch() -> None:
    done = in_child(
        "import sys; from pixelwise.cli import app\n"
        f"for name in {list(COMMANDS)}:\n"
        "    try: app([name, '--help'])\n"
        "    except SystemExit as end: assert not end.code, name\n"
        "    assert not {'torch', 'torchvision', 'matplotlib'} & set(sys.modules), name"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: pixelwise ") == len(COMMANDS)


def test_no_words_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app([])
    assert not end.value.code
    assert "Usage: pixelwise" in capsys.readouterr().out


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app(["trian"])
    assert end.value.code == 2
    assert "No such command 'trian'" in capsys.readouterr().err
