import json

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.cli import app
from pixelwise.data.base import data_root


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command; returns (exit code, standard output, standard error)."""
    monkeypatch.setenv("COLUMNS", "120")

    def command(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            app(["data", *words])
        out, err = capsys.readouterr()
        code = ended.value.code
        return (0 if code is None else code), out, err

    return command


@pytest.fixture
def zoo(tmp_path):
    for split, count in (("train", 3), ("val", 2)):
        for kind in ("images", "masks"):
            (tmp_path / "zoo" / split / kind).mkdir(parents=True)
        for index in range(count):
            pixels = np.random.default_rng(index + 10 * count).integers(0, 256, (8, 10, 3)).astype(np.uint8)
            Pillow.fromarray(pixels).save(tmp_path / "zoo" / split / f"images/p{index}.png")
            Pillow.fromarray(np.resize(np.array([0, 1], np.uint8), (8, 10))).save(
                tmp_path / "zoo" / split / f"masks/p{index}.png"
            )
    (tmp_path / "zoo/classes.txt").write_text("ground\n[red]cat[/]\n")
    return tmp_path / "zoo"


def test_a_good_folder(run, zoo):
    code, out, err = run("check", str(zoo))
    assert (code, err) == (0, "")
    assert out == "zoo  train 3, val 2  (2 classes)\nNothing found. Every picture was read, and every check passed.\n"


def test_fatal_findings_exit_with_1_and_name_files_and_cure(run, zoo):
    file = zoo / "train/images/p1.png"
    file.write_bytes(file.read_bytes()[:100])
    Pillow.fromarray(np.full((8, 10), 7, np.uint8)).save(zoo / "val/masks/p0.png")
    code, out, _ = run("check", str(zoo))
    words = " ".join(out.split())
    assert code == 1
    assert "fatal unreadable" in words
    assert "train/p1" in words
    assert "1 mask has values that are not classes: 7 (1 mask, 80 pixels). Allowed: 0 to 1." in words
    assert "→ Correct the masks, name the missing classes, or say with the option values" in words
    assert words.endswith("2 fatal, 0 to look at. --json names every file.")
    assert "\x1b" not in out  # no control characters, because the output is not a terminal


def test_warnings_alone_exit_with_0(run, zoo):
    Pillow.fromarray(np.zeros((8, 10), np.uint8)).save(zoo / "val/masks/p0.png")
    code, out, _ = run("check", str(zoo))
    assert code == 0
    assert "warning  constant masks" in out


def test_json(run, zoo):
    Pillow.fromarray(np.full((8, 10), 7, np.uint8)).save(zoo / "val/masks/p0.png")
    code, out, _ = run("check", str(zoo), "--json")
    found = json.loads(out)
    assert code == 1
    assert found["splits"] == {"train": 3, "val": 2}
    assert found["fatal"] == 1
    assert found["findings"][0] == {
        "check": "strange values",
        "severity": "fatal",
        "what": "1 mask has values that are not classes: 7 (1 mask, 80 pixels). Allowed: 0 to 1.",
        "files": ["val/p0"],
        "cure": "Correct the masks, name the missing classes, or say with the option values which values belong to a class.",
    }


def test_options_are_those_of_a_recipe(run, zoo):
    Pillow.fromarray(np.full((8, 10), 7, np.uint8)).save(zoo / "val/masks/p0.png")
    assert run("check", str(zoo), "--set", "void=7")[0] == 0
    code, _, err = run("check", str(zoo), "--set", "viod=7", "--set", "val=much")
    assert code == 2
    assert "has no option 'viod'" in err
    assert "Did you mean 'void'?" in err
    assert "val: read 'much'" in err
    assert run("check", str(zoo), "--set", "void")[2] == "error: --set: read 'void'; an option is written key=value.\n"
    assert "a bracket is opened and not closed" in run("check", str(zoo), "--set", "void=[")[2]


def test_built_in_and_unknown_names(run, tmp_path):
    assert run("check", "scenes", "--set", "train=20", "--set", "val=10", "--set", "test=0")[0] == 0
    code, out, err = run("check", "scense")
    assert (code, out) == (2, "")
    assert err.startswith("error: unknown data set 'scense', and no folder of this name in the working folder (")
    assert f"or in the data folder ({data_root()}); data sets: voc2007, voc2012, scenes, voc, " in err
    assert err.endswith("Did you mean 'scenes'?\n")
    code, _, err = run("info", "voc2012", "--data", str(tmp_path))
    assert code == 2
    assert "VOC 2012 is not here" in err


def test_info(run, zoo):
    _, out, _ = run("info", str(zoo))
    assert "Splits: train 3, val 2. Its samples have: image, mask." in out
    assert "[red]cat[/]" in out  # names are names, not markup
    described = json.loads(run("info", "scenes", "--json")[1])
    assert described["classes"][0] == "ground"
    assert described["splits"] == {"train": 320, "val": 80, "test": 80}


def test_fetch(run, tmp_path):
    assert run("fetch", "scenes")[1] == "scenes is drawn by pixelwise itself: there is nothing to fetch.\n"
    code, _, err = run("fetch", "voc207", "--data", str(tmp_path))
    assert code == 2
    assert "no address is known for 'voc207'; choose from voc2007, voc2012" in err
    assert "Did you mean 'voc2007'?" in err


def test_options_are_read_and_converted_like_those_of_a_recipe(run, zoo):
    assert run("check", str(zoo), "--set", "val=1e-1", "--set", "void='255'", "--set", "seed=010")[0] == 0
    assert json.loads(run("info", str(zoo), "--set", "void='255'", "--json")[1])["void"] == 255
    for word, said in (
        ("void=no", "read 'no', which is not a valid integer"),
        ("val=1:30", "read '1:30', which is not"),
    ):
        code, _, err = run("check", str(zoo), "--set", word)
        assert (code, err.count("\n")) == (2, 1)
        assert said in err
    assert "the folder is already given as NAME" in run("check", str(zoo), "--set", "path=x")[2]


def test_names_reach_the_output_without_control_characters(run, zoo):
    (zoo / "classes.txt").write_text("ground\ncat\x1b[2J\x9b31m\x07\n")
    file = zoo / "train/images/p1\x1b]0;title\x07\nNothing found.png"
    (zoo / "train/images/p1.png").rename(file)
    (zoo / "train/masks/p1.png").rename(zoo / "train/masks" / file.name)
    file.write_bytes(file.read_bytes()[:100])
    said = [run(*words, str(zoo))[1:] for words in (("check",), ("check", "--json"), ("info",), ("info", "--json"))]
    for out in (text for pair in said for text in pair):
        assert not {"\x1b", "\x9b", "\x07"} & set(out)
    assert not [line for line in said[0][0].splitlines() if line.lstrip().startswith("Nothing found")]
    assert r"cat\x1b[2J\x9b31m\x07" in said[2][0]


def test_ctrl_c_while_pictures_are_read_ends_in_one_line(run, zoo, monkeypatch):
    import signal

    monkeypatch.setattr("pixelwise.data.splits.read_image", lambda path, **_: signal.raise_signal(signal.SIGINT))
    code, out, err = run("check", str(zoo))
    assert (code, out, err) == (130, "", "Interrupted. No file is half-written.\n")


def test_pictures_can_be_left_out_of_the_check(run, zoo):
    image = zoo / "train/images/p1.png"
    image.write_bytes((zoo / "val/images/p0.png").read_bytes())
    code, out, _ = run("check", str(zoo))
    assert code == 1
    assert "train/p1 = val/p0" in out
    code, out, _ = run("check", str(zoo), "--exclude", "train/p1")
    assert (code, out.split("(")[0].strip()) == (0, "zoo  train 2, val 2")
    code, _, err = run("check", str(zoo), "--exclude", "train/p9")
    assert code == 2
    assert err.startswith("error: data.exclude: the split 'train' of zoo has no picture 'p9'; it has p0, p1, p2.")


def test_what_is_on_the_disk_and_what_is_not(run, tmp_path):
    for split, count in (("train", 2), ("val", 1)):
        (tmp_path / "stanford-background" / split).mkdir(parents=True)
        for index in range(count):
            for suffix in ("jpg", "png"):
                Pillow.new("L", (8, 8), index).save(
                    tmp_path / "stanford-background" / split / f"img_{index:04d}.{suffix}"
                )
    code, out, _ = run("list", "--data", str(tmp_path), "--json")
    found = json.loads(out)
    assert code == 0
    assert found["stanford_background"] == {"train": 2, "val": 1}
    assert found["voc2007"] is None
    assert "folder" not in found
    _, out, _ = run("list", "--data", str(tmp_path))
    assert "train 2, val 1" in out
    assert "not on this disk" in out
    _, out, _ = run("info", "stanford_background", "--data", str(tmp_path))
    assert "Splits: train 2, val 1. Not on this disk: test." in out


def test_a_page_is_written_and_accepted_findings_do_not_fail(run, zoo):
    (zoo / "val/images/p0.png").write_bytes((zoo / "train/images/p1.png").read_bytes())
    page = zoo.parent / "pages/check.html"
    code, out, _ = run("check", str(zoo), "--html", str(page))
    assert code == 1
    assert out.splitlines()[-1].startswith("page  ")
    assert page.read_text().count("<img ") == 2
    (zoo / "accepted.yaml").write_text("- {kind: copies, pictures: [train/p1, val/p0], reason: one street}\n")
    code, out, _ = run("check", str(zoo))
    assert code == 0
    assert "accepted copies  1 picture of 'train' is also in 'val'." in out
    assert "reason: one street" in out
    assert out.endswith("0 fatal, 0 to look at, 1 accepted. --json names every file.\n")
    elsewhere = zoo.parent / "other.yaml"
    elsewhere.write_text("[]")
    code, out, _ = run("check", str(zoo), "--accept", str(elsewhere), "--json")
    assert (code, json.loads(out)["accepted"], json.loads(out)["shares"]["val"]["ground"]) == (1, [], 0.5)


def test_repair_writes_a_copy_that_passes(run, zoo):
    (zoo / "val/images/p0.png").write_bytes((zoo / "train/images/p1.png").read_bytes())
    copy = zoo.parent / "copy"
    code, out, _ = run("repair", str(zoo), "--out", str(copy))
    assert code == 0
    assert "left out  also in a later split: train/p1" in out
    assert run("check", str(copy))[0] == 0
    code, _, err = run("repair", str(zoo), "--out", str(copy))
    assert code == 2
    assert "is not empty" in err
