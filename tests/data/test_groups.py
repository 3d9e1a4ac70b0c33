"""Groups of pictures that belong together: by names, by likeness, and drawn into splits."""

import itertools
import string

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.pairing.groups import PATTERNS, suggested_groups, united
from pixelwise.start.look import look
from pixelwise.start.recognise import recognise


def test_names_suggest_groups_only_where_most_have_one_and_none_is_too_large():
    scenes = [f"s{scene}_{frame}" for scene in range(6) for frame in range(3)]
    assert suggested_groups(scenes).groups["s2"] == (6, 7, 8)
    assert suggested_groups([f"img_{number}" for number in range(18)]) is None  # one group has them all
    assert suggested_groups(scenes[:12]) is None  # four groups
    assert suggested_groups([*scenes, *string.ascii_letters[:8]]) is None  # a third is in none
    folders = [f"{place}/{name}" for place in "abcdef" for name in ("p", "q")]
    assert suggested_groups(folders).what == "the folder"
    assert suggested_groups(folders, [*PATTERNS][:1]) is None


def test_folders_of_classes_with_a_number_are_no_groups(tmp_path):
    names = [f"kind{kind:02}/image_{4 * kind + at:04}" for kind in range(6) for at in range(4)]
    assert suggested_groups(names, [*PATTERNS][:1]) is None
    frames = suggested_groups([f"kind{n % 2}/cow{n // 4}_{n}" for n in range(24)], [*PATTERNS][:1])
    assert len(frames.groups) == 12


@pytest.mark.parametrize("name", ["kind{0}/image_{1:04}", "kind{0}/kind{0}_{1}"])
def test_start_draws_splits_evenly_over_classes_whose_names_have_numbers(tmp_path, name):
    """Also where the names of the pictures say the class: groups of whole classes leave classes out of a split."""
    for number in range(60):
        file = tmp_path / "plants" / f"{name.format(number // 10, number)}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        Pillow.fromarray(noise.repeat(4, 0).repeat(4, 1)).save(file)
    found = recognise(tmp_path / "plants")
    _, seen, findings, _ = look(found, tmp_path / "plants", tmp_path, [], lambda *_: None)
    assert "group" not in found.dataset
    assert not any("Names suggest" in line for line in found.said)
    assert not findings
    assert {split: len({facts.label for facts in seen.of(split)}) for split in seen.splits} == {"train": 6, "val": 6}


def test_groups_by_name_and_by_likeness_are_put_together():
    group_of = united(["a1", "a2", "b1", "b2", "c1"], lambda name: name[0], {"b1": "a2", "c1": "c1"})
    assert group_of("a1") == group_of("a2") == group_of("b1") == group_of("b2") != group_of("c1")
    assert united(["x", "y", "z"], None, {"z": "x"})("z") == united(["x", "y", "z"], None, {})("x")


@pytest.fixture
def films(tmp_path):
    """Twelve scenes of three frames that are nearly the same, under names that say nothing."""
    words = ["".join(pair) for pair in itertools.product("abcdef", "ghijkl")]
    for place, word in enumerate(np.random.default_rng(0).permutation(words).tolist()):
        scene = np.random.default_rng(place // 3).integers(0, 240, (6, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        scene[:4, :4] += np.uint8(place % 3)
        for part in ("images", "masks"):
            (tmp_path / "films" / part).mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(scene).save(tmp_path / f"films/images/{word}.png")
        Pillow.fromarray(np.eye(24, 32, place, np.uint8)).save(tmp_path / f"films/masks/{word}.png")
    return tmp_path / "films"


def test_start_keeps_pictures_that_look_alike_in_one_split(films, tmp_path):
    found = recognise(films)
    data, seen, findings, _ = look(found, films, tmp_path, [], lambda *_: None)
    assert found.dataset["alike"] == "together"
    assert "36 pictures look alike in 12 groups: pictures of one group stay in one split." in found.said
    assert not found.exclude
    assert not [one for one in findings if one.severity == "fatal" or one.check == "alike"]
    train, val = ({facts.thumbnail.tobytes()[-9:] for facts in seen.of(split)} for split in ("train", "val"))
    assert not train & val
    assert len(data.names("val")) in range(6, 10)


def test_typed_anywhere_draws_picture_by_picture(films, tmp_path):
    found = recognise(films)
    look(found, films, tmp_path, ["data.dataset.alike=anywhere"], lambda *_: None)
    assert found.dataset["alike"] == "anywhere"
    assert not any("look alike" in line for line in found.said)


def test_start_says_where_there_are_too_few_groups_to_keep_together(films, tmp_path):
    for part in ("images", "masks"):
        for number, file in enumerate(sorted((films / part).iterdir())):
            if number > 11:
                file.unlink()
    for number, file in enumerate(sorted((films / "images").iterdir())):
        scene = np.random.default_rng(number // 4).integers(0, 240, (6, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        scene[:4, :4] += np.uint8(number % 4)
        Pillow.fromarray(scene).save(file)
    found = recognise(films)
    look(found, films, tmp_path, [], lambda *_: None)
    assert "alike" not in found.dataset
    assert sum("too few groups" in line for line in found.said) == 1
