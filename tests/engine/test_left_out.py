"""What the material of a training says of pictures that are left out and of what the data set's files leave open."""

import numpy as np
from PIL import Image as Pillow

from pixelwise.engine.build import open_material
from pixelwise.recipe.load import load_recipe


def test_skipped_pictures_are_counted_and_named(tmp_path):
    for index in range(10):
        for kind, channels in (("images", (3,)), ("masks", ())):
            (tmp_path / "zoo/train" / kind).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(index).integers(0, 2, (8, 8, *channels)).astype(np.uint8)
            Pillow.fromarray(pixels).save(tmp_path / "zoo/train" / kind / f"p{index}.png")
    (tmp_path / "zoo/classes.txt").write_text("ground\ndisc\n")
    for index in (1, 4):
        (tmp_path / f"zoo/train/images/p{index}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    options = [f"data.dataset={{name: folder, path: {tmp_path}/zoo}}", "data.size=[8, 8]", "data.on_corrupt=skip"]
    material = open_material(load_recipe("quickstart", options), root=tmp_path)
    said = " ".join(material.notes)
    assert len(material.train) + len(material.validation) == 8
    assert "pictures of 'train' are used; " in said
    assert "(data.on_corrupt: skip): p1.png: " in said or "p4.png: " in said
    assert "split 'val' is missing: 20 % for 'val' are drawn from 'train'." in said
