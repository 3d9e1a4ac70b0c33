"""The page of `data check --html`."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.checks import findings_of
from pixelwise.data.checks.survey import Finding, survey
from pixelwise.data.folder import Folder
from pixelwise.report.check_page import build_check_page
from pixelwise.report.pictures import MARK, class_shares


@pytest.fixture
def folder(tmp_path):
    """Four pairs in two splits: a copy across the splits, a mask with a strange value, a mask that is cut short."""
    for split in ("train", "val"):
        for part in ("images", "masks"):
            (tmp_path / split / part).mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("ground\ncat\n")
    for split, name, seed in (("train", "a", 1), ("train", "b", 2), ("train", "c", 3), ("val", "d", 1)):
        pixels = np.random.default_rng(seed).integers(0, 60 * seed, (60, 80, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / split / f"images/{name}.png")
        mask = np.zeros((60, 80), np.uint8)
        mask[10:20, 30:50] = 1
        mask[40:50, 60:70] = 9 if name == "b" else 0
        Pillow.fromarray(mask).save(tmp_path / split / f"masks/{name}.png")
    broken = tmp_path / "train/masks/c.png"
    broken.write_bytes(broken.read_bytes()[:40])
    return tmp_path


def pictures_of(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [np.array(Pillow.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_every_finding_is_shown_with_its_pictures(folder):
    dataset = Folder(folder)
    seen = survey(dataset)
    findings = findings_of(dataset, seen)
    accepted = [(Finding("alike", "warning", "They look alike.", ("train/a ~ val/d",), "Group them."), "one street")]
    page = build_check_page(dataset, seen, findings, accepted)
    for finding in findings:
        assert page.count(f"</span> {finding.check}</h3>") == 1
    assert page.count('<div class="several">') == 2  # the copies, and the accepted pair
    assert "Reason: one street" in page
    assert "Group them." not in page
    assert "http" not in page.replace("http-equiv", "")  # nothing is loaded from elsewhere
    strange = pictures_of(page[page.index("</span> strange values") :])[0].astype(int)
    near = np.abs(strange - MARK).sum(axis=2) < 60
    assert near.any()
    rows, columns = near.nonzero()
    assert 35 < rows.min() < 42
    assert 48 < rows.max() < 56
    assert 55 < columns.min() < 62
    assert 68 < columns.max() < 76


def test_files_without_a_partner_are_shown_and_captions_say_what_they_are(folder):
    (folder / "train/masks/a.png").unlink()
    (folder / "train/images/b.png").unlink()
    dataset = Folder(folder)
    seen = survey(dataset)
    findings = [one for one in findings_of(dataset, seen) if one.check in ("partners", "unreadable")]
    assert {one.files for one in findings} == {("train/images/a.png",), ("train/masks/b.png",), ("train/c",)}
    page = build_check_page(dataset, seen, findings)
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert set(captions) == {
        "train/images/a.png",
        "train/masks/b.png: the values of the mask, made brighter",
        "train/c.png, without its mask",
    }
    assert "Masks are laid over the pictures where the caption does not say otherwise" in page


def test_shares_and_sizes(folder):
    dataset = Folder(folder)
    page = build_check_page(dataset, survey(dataset), [])
    assert "Nothing found." in page
    assert '<td>80×60</td><td class="number">1.33</td><td class="number">3</td>' in page
    assert "4.2 %" in page  # 200 of 4,800 pixels are the cat


def test_a_split_whose_masks_cannot_be_read_has_no_shares(folder):
    for file in (folder / "val/masks").iterdir():
        file.write_bytes(b"")
    seen = survey(Folder(folder))
    shares = [row.shares for row in class_shares(seen)]
    assert [one[1] for one in shares] == [None, None]
    assert sum(one[0] for one in shares) == pytest.approx(1)
    assert "<td>–</td>" in build_check_page(Folder(folder), seen, findings_of(Folder(folder), seen), [])
