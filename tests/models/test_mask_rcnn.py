"""The region network against torchvision's own: its losses, what it finds, the names of its weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN

from pixelwise.engine.fitted import take_pretrained
from pixelwise.engine.pretrained import Pretrained
from pixelwise.engine.torch import reductions
from pixelwise.errors import RunError, ShapeError
from pixelwise.models import MODELS
from pixelwise.models.detectors.torchvision_names import NEW, is_theirs, our_name
from pixelwise.models.published import published
from pixelwise.run.normalisation import IMAGENET_MEAN
from small_models import options_of

TWO = {"boxes": [[5.0, 5, 25, 30], [12, 20, 30, 46]], "labels": [1, 2]}


def made(name: str = "mask_rcnn", **options: Any) -> Any:
    torch.manual_seed(0)
    return MODELS.build(name, 3, 3, **options_of(name), **options)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")


def batch() -> tuple[list[Tensor], dict[str, Any]]:
    """Two pictures of different sizes; the second one has no object."""
    torch.manual_seed(3)
    images = [torch.randn(3, 48, 32), torch.randn(3, 40, 64)]
    masks = torch.zeros(2, 48, 32, dtype=torch.uint8)
    for plane, (x0, y0, x1, y1) in zip(masks, np.array(TWO["boxes"], int), strict=True):
        plane[y0:y1, x0 : x1 - 3] = 1
    targets = {
        "boxes": [torch.tensor(TWO["boxes"]), torch.zeros(0, 4)],
        "labels": [torch.tensor(TWO["labels"]), torch.zeros(0, dtype=torch.int64)],
        "masks": [masks, torch.zeros(0, 40, 64, dtype=torch.uint8)],
    }
    return images, targets


class Backbone(nn.Module):
    """The maps of our network, as torchvision asks for them."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.ours, self.out_channels = ours, 8

    def forward(self, images: Tensor) -> Any:
        return self.ours._maps(images)


def theirs_of(ours: Any) -> Any:
    heads, options = ours.roi_heads, options_of("mask_rcnn")
    kept = options["proposals"]
    limits = {
        f"rpn_{when}_nms_top_n_{mode}": kept // (1 + (mode == "test"))
        for when in ("pre", "post")
        for mode in ("train", "test")
    }
    return MaskRCNN(
        Backbone(ours), min_size=64, max_size=128, image_mean=[0.0] * 3, image_std=[1.0] * 3,
        rpn_anchor_generator=ours.rpn.anchor_generator, rpn_head=ours.rpn.head, **limits, box_head=heads.box_head,
        box_predictor=heads.box_predictor, mask_head=heads.mask_head, mask_predictor=heads.mask_predictor,
        box_batch_size_per_image=options["regions"], box_score_thresh=options["least_score"],
    )  # fmt: skip


def test_losses_and_objects_are_those_of_torchvision() -> None:
    ours = made(shorter=64, longer=128)
    theirs, (images, targets) = theirs_of(ours), batch()
    known = [{name: value[place] for name, value in targets.items()} for place in range(2)]
    torch.manual_seed(5)
    wanted = theirs.train()(images, known)
    torch.manual_seed(5)
    terms = ours.train().losses(images, targets)
    names = ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg", "loss_mask")
    assert list(terms) == ["objectness", "proposal_box", "class", "box", "mask"]
    for term, name in zip(terms.values(), names, strict=True):
        torch.testing.assert_close(term.numerator / term.denominator, wanted[name])
    sum(term.numerator / term.denominator for term in terms.values()).backward()
    lost = [name for name, p in ours.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not lost

    with torch.no_grad():
        expected, found = theirs.eval()(images), ours.eval()(images)["objects"]
    assert len(expected[0]["boxes"]) > 1
    drawn = reductions.masks(found)
    for place, one in enumerate(expected):
        torch.testing.assert_close(found[place]["boxes"], one["boxes"])
        assert torch.equal(found[place]["labels"], one["labels"])
        assert torch.equal(found[place]["scores"], one["scores"])
        assert np.array_equal(drawn[place], one["masks"][:, 0].numpy() > 0.5)


def test_losses_are_counted_in_evaluation_mode_too_and_what_is_found_stays() -> None:
    model, (images, targets) = made().eval(), batch()
    with torch.no_grad():
        before = model(images)["objects"]
        torch.manual_seed(1)
        first = {name: float(term.numerator) for name, term in model.losses(images, targets).items()}
        torch.manual_seed(1)
        assert {name: float(term.numerator) for name, term in model.losses(images, targets).items()} == first
        after = model(images)["objects"]
    assert all(torch.equal(a["scores"], b["scores"]) for a, b in zip(before, after, strict=True))


def test_pictures_without_objects_teach_what_is_background() -> None:
    model, (images, targets) = made().train(), batch()
    terms = model.losses(images[1:], {name: value[1:] for name, value in targets.items()})
    assert {name for name, term in terms.items() if not term.numerator} == {"proposal_box", "box", "mask"}
    assert float(terms["mask"].denominator) == 0
    assert float(terms["class"].denominator) > 0


def test_without_masks_it_is_faster_rcnn() -> None:
    model, (images, targets) = made("faster_rcnn"), batch()
    boxes = {name: targets[name] for name in ("boxes", "labels")}
    assert list(model.train().losses(images, boxes)) == ["objectness", "proposal_box", "class", "box"]
    with torch.no_grad():
        found = model.eval()(images)["objects"]
    assert reductions.masks(found)[0].shape == (0, 48, 32)
    assert len(reductions.boxes(found)[0]) == len(reductions.labels(found)[0]) == len(reductions.scores(found)[0])
    with pytest.raises(ShapeError, match="have no masks"):
        made().losses(images, boxes)


def test_names_are_those_of_the_published_network() -> None:
    known = published("coco", "maskrcnn_resnet50_fpn")
    assert known is not None
    assert known.mean == IMAGENET_MEAN
    theirs = known.shapes()
    assert is_theirs(theirs)
    with torch.device("meta"):
        ours = MODELS.build("mask_rcnn", 3, 91, encoder="resnet50").state_dict()
    renamed = {our_name(name): shape for name, shape in theirs.items()}
    assert renamed == {name: tuple(array.shape) for name, array in ours.items()}


def test_weights_of_coco_are_taken_but_for_the_predictors() -> None:
    known = published("coco", "maskrcnn_resnet50_fpn")
    assert known is not None
    arrays = {our_name(name): np.broadcast_to(np.float32(1), shape) for name, shape in known.shapes().items()}
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in MODELS.build("mask_rcnn", 3, 2, encoder="resnet50").state_dict().items()}
    own = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    loaded: dict[str, Any] = {}
    learner: Any = SimpleNamespace(
        state=lambda which: {"model": own},
        load=lambda found, where: loaded.update(found["model"]),
        task=SimpleNamespace(input=SimpleNamespace(mean=known.mean, std=known.std)),
    )
    found = Pretrained("coco", arrays, "here", "", "", known.mean, known.std, known.of, frozenset(arrays), new=NEW)
    record = take_pretrained(learner, found)
    predictors = [name for name in own if name.startswith(NEW)]
    assert (record["taken"], record["new"], record["left"]) == (len(own) - len(predictors), [*NEW], [*NEW])
    assert [name for name, array in loaded.items() if not array.flat[0]] == predictors
    assert arrays["roi_heads.box_predictor.cls_score.weight"].shape[0] == 91
    assert loaded["roi_heads.box_predictor.cls_score.weight"].shape[0] == 2
    arrays["rpn.head.cls_logits.bias"] = np.ones(4, np.float32)
    with pytest.raises(RunError, match=r"rpn\.head\.cls_logits\.bias"):
        take_pretrained(learner, found)


def test_names_of_older_files() -> None:
    older = ["backbone.fpn.layer_blocks.3.bias", "rpn.head.conv.weight", "roi_heads.mask_head.mask_fcn4.weight"]
    assert list(map(our_name, older)) == [
        "fpn.layer_blocks.3.0.bias", "rpn.head.conv.0.0.weight", "roi_heads.mask_head.3.0.weight"
    ]  # fmt: skip
