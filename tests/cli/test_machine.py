"""What the command line takes from its surroundings: variables, names of files, Ctrl-C."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import pytest

from pixelwise.cli import app
from pixelwise.run.environment import Place, launched

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


def run_command(*words: object) -> int:
    """The exit code of `pixelwise WORDS`."""
    with pytest.raises(SystemExit) as end:
        app([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_only_a_launcher_makes_a_process_one_of_many(alone: pytest.MonkeyPatch) -> None:
    assert launched() is None
    for name, value in TORCHRUN.items():
        alone.setenv(name, value)
    assert launched() == Place(1, 2, 1)
    for name, value in (
        ("WORLD_SIZE", "1"),
        ("WORLD_SIZE", "many"),
        ("LOCAL_RANK", ""),
        ("RANK", "2"),
        ("MASTER_ADDR", ""),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, value)
            assert launched() is None, name


def test_a_rank_left_in_the_shell_swallows_no_error(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone.setenv("RANK", "1")
    assert run_command("train", "no-such-recipe") == 2
    assert capsys.readouterr().err.startswith("error: recipe 'no-such-recipe' was not found")
    for name, value in TORCHRUN.items():
        alone.setenv(name, value)
    assert run_command("train", "no-such-recipe") == 2
    assert capsys.readouterr().err == "", "the first process says it"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_works_on_a_terminal_without_unicode(
    made: object, tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [made("a"), made("b", seed=1)]  # type: ignore[operator]
    commands = [
        ["list"],
        ["show", "loss", "class_balanced"],
        ["check", "quickstart"],
        ["data", "info", "scenes"],
        ["--help"],
    ]
    commands += [
        ["report", runs[0]],
        ["compare", *runs],
        ["train", "no-such"],
        ["train", "--help"],
        ["arithmetic", "--help"],
    ]
    for words in commands:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        code = run_command(*words)
        for stream in streams:
            stream.flush()
        said = b"".join(stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
        assert said.decode(encoding), words
        assert code == (2 if "no-such" in words else 0), (words, said)


def test_what_is_typed_is_cleaned_in_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["data", "check", "\x1b[2J"],
        ["list", "--\x1b[2J"],
        ["\x1b[2J"],
        ["predict", "\x1b[2J", "x"],
        ["check", "\x1b"],
    ):
        assert run_command(*words) == 2
        said = capsys.readouterr().err
        assert "\x1b" not in said
        assert r"\x1b" in said
        assert said.count("\n") == 1


def test_a_name_that_no_disk_takes_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["data", "check", "a" * 300],
        ["report", "a" * 300],
        ["predict", "a" * 300, "x"],
        ["check", "a" * 300],
    ):
        assert run_command(*words) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_ctrl_c_ends_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    for place in ("pixelwise.cli.import_module", "pixelwise.recipe.load.load_recipe"):
        with monkeypatch.context() as patch:
            patch.setattr(place, stop)
            assert run_command("check", "quickstart") == 130
        assert capsys.readouterr().err == "Interrupted. No file is half-written.\n"


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="file names are Unicode there")
def test_file_names_of_any_bytes_go_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    import numpy as np
    from PIL import Image as Pillow

    pets = Path(os.fsdecode(os.fsencode(tmp_path) + b"/fl\xfcsse"))
    for kind in ("images", "masks"):
        (pets / kind).mkdir(parents=True)
    for number in range(4):
        name = os.fsdecode(b"fl\xfcsse%d.png" % number)
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(pets / "images" / name)
        Pillow.fromarray((pixels[..., 0] > 128).astype(np.uint8)).save(pets / "masks" / name)
    (pets / "classes.txt").write_text("ground\ndisc\n")
    assert run_command("data", "check", pets) == 0
    link = tmp_path / "pets"
    link.symlink_to(pets)
    recipe = tmp_path / "pets.yaml"
    recipe.write_text(
        f"title: Pets\nextends: quickstart\ndata: {{dataset: {{name: folder, path: {link}}}, size: [16, 16]}}\ngallery: 2\n"
    )
    words = ["model.width=4", "model.depth=1", "train.batch=2", "train.phases.0.epochs=1", "hardware.device=cpu"]
    words += ["hardware.precision=fp32", "hardware.threads=1"]
    run = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xfcn"))
    assert run_command("train", recipe, *words, "--out", run, "--data", tmp_path) == 0
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc"))
    assert run_command("predict", run, pets / "images", "--out", out, "--device", "cpu") == 0
    masks, records = (sorted(file.stem for file in (out / kind).iterdir()) for kind in ("masks", "records"))
    assert masks == records == [os.fsdecode(b"fl\xfcsse%d" % number) for number in range(4)]
    assert json.loads((out / "records" / f"{records[0]}.json").read_text())["file"] == str(
        pets / f"images/{masks[0]}.png"
    )
    assert run_command("report", run) == 0
    assert r"fl\udcfcsse" in (run / "report.html").read_text(encoding="utf-8")
    assert run_command("compare", run, run, "--html", tmp_path / "c.html", "--csv", tmp_path / "c.csv") in (0, 2)
    capsys.readouterr()
