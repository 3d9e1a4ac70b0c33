"""Training pictures per second of lite0_fpn at 224×224 on Stanford Background, ours against the plain ways, end to end.

    python benchmarks/transfer_training.py [--rounds 7] [--batches 8] [--smp FOLDER] [--precision fp32]

Cases: `frozen` (the encoder is in evaluation mode and gets no gradient) and `all` (every layer learns).

ours   the engine with the recipe stanford_background/lite0_fpn: cache, loader, memory layout, allocator and loss
plain  timm's encoder under the same pyramid, contiguous, in a tutorial's loop: PIL decodes, resizes and flips in every epoch,
       a DataLoader at its best number of workers (0, 1 and 2 are tried), torch's own cross-entropy and AdamW
smp    segmentation_models_pytorch's own FPN on the same encoder, trained as in its example: the same DataLoader, its Dice
       loss, Adam, and its counts of hits after every step. Its decoder is another one and costs more (`gmacs`). Left out
       unless --smp names the folder of `pip install --no-deps --target FOLDER segmentation_models_pytorch`

Weights are random, which changes no time. Each side lives in its own process and trains only while the others wait; sides
take turns within a round; the figures are medians over rounds and the ratios of these. Writes transfer_training.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opening
from turns import serve, take_turns, write_report

RECIPE, ENCODER = "stanford_background/lite0_fpn", "tf_efficientnet_lite0"
BATCH, SIZE, CLASSES = 8, 224, 9
CASES = ("frozen", "all")
WORKERS = (0, 1, 2)


def loader(workers: int) -> Any:
    """Batches of normalised pictures (B, 3, SIZE, SIZE) and masks (B, SIZE, SIZE), read anew in every epoch."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    from pixelwise.data.base import data_root

    folder = data_root() / "stanford-background" / "train"
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

    class Pictures(Dataset):
        def __init__(self) -> None:
            self.files = sorted(folder.glob("*.jpg"))

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> Any:
            file = self.files[index]
            image = Image.open(file).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
            mask = Image.open(file.with_suffix(".png")).resize((SIZE, SIZE), Image.Resampling.NEAREST)
            picture = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).contiguous().float() / 255
            target = torch.from_numpy(np.asarray(mask).copy()).long()
            if torch.rand(()) < 0.5:
                picture, target = picture.flip(-1), target.flip(-1)
            return (picture - mean) / std, target

    options = {"num_workers": workers, "persistent_workers": workers > 0}
    return DataLoader(Pictures(), batch_size=BATCH, shuffle=True, drop_last=True, **options)


def ours(case: str, precision: str) -> Any:
    from pixelwise.recipe.load import load_recipe

    phase = "{epochs: 1, freeze: [encoder]}" if case == "frozen" else "{epochs: 1}"
    words = (f"data.size=[{SIZE}, {SIZE}]", "augment=[{name: flip}]", "model.weights=none", f"train.batch={BATCH}")
    return load_recipe(RECIPE, [*words, f"train.phases=[{phase}]", f"hardware.precision={precision}"])


def pyramid() -> Any:
    """The model of the recipe."""
    from pixelwise.models import MODELS

    options = {key: value for key, value in ours("all", "fp32").model.options.items() if key != "weights"}
    return MODELS.build("fpn", 3, CLASSES, **options)


def rival() -> Any:
    """The model of segmentation_models_pytorch."""
    import segmentation_models_pytorch as smp

    return smp.create_model("FPN", encoder_name=f"tu-{ENCODER}", encoder_weights=None, classes=CLASSES)


def plain(side: str, case: str, precision: str) -> Iterator[None]:
    """Steps of `plain-WORKERS` or `smp-WORKERS`."""
    import torch

    torch.manual_seed(0)
    kind, _, workers = side.partition("-")
    model = (pyramid() if kind == "plain" else rival()).train()
    if case == "frozen":
        model.encoder.requires_grad_(False).eval()
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    batches = loader(int(workers))
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        if kind == "plain":
            yield from opening.plain_steps(model, torch.optim.AdamW(learning, lr=1e-3), batches)
        else:
            yield from example_steps(model, torch.optim.Adam(learning, lr=2e-4), batches)


def example_steps(model: Any, optimizer: Any, batches: Any) -> Iterator[None]:
    """The training step of the example of segmentation_models_pytorch, for several classes."""
    import segmentation_models_pytorch as smp

    criterion = smp.losses.DiceLoss(smp.losses.MULTICLASS_MODE, from_logits=True)
    while True:
        for inputs, targets in batches:
            optimizer.zero_grad()
            scores = model(inputs)
            loss = criterion(scores, targets)
            found = scores.softmax(dim=1).argmax(dim=1)
            smp.metrics.get_stats(found, targets, mode="multiclass", num_classes=CLASSES)
            loss.backward()
            optimizer.step()
            loss.item()
            yield


def gmacs(model: Any) -> float:
    from pixelwise.models.describe import describe

    return round(sum(row.macs for row in describe(model, (3, SIZE, SIZE))) / 1e9, 3)


def measure(case: str, kinds: tuple[str, ...], rounds: int, batches: int, precision: str) -> dict[str, Any]:
    sides = ("ours", *(f"{kind}-{workers}" for kind in kinds for workers in WORKERS))
    seconds = take_turns(__file__, sides, [case, precision], rounds, batches)
    medians = {side: statistics.median(times) for side, times in seconds.items()}
    result: dict[str, Any] = {
        "case": case,
        "pictures_per_second": {side: round(BATCH * batches / value, 2) for side, value in medians.items()},
        "seconds": {side: [round(value, 3) for value in times] for side, times in seconds.items()},
    }
    for kind in kinds:
        best = min((side for side in medians if side.startswith(kind)), key=medians.__getitem__)
        result[f"{kind}_best"] = best
        result[f"ours_is_faster_than_{kind}_by"] = round(medians[best] / medians["ours"], 3)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--smp", type=Path, help="folder with segmentation_models_pytorch")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--serve", nargs=3)
    options = parser.parse_args()
    if options.serve:
        side, case, precision = options.serve
        serve(opening.steps(ours(case, precision)) if side == "ours" else plain(side, case, precision))
        return
    if options.smp is not None:  # for the processes of its sides
        places = (str(options.smp.resolve()), os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, places))
        sys.path.append(places[0])  # for the count of multiply-adds
    kinds = ("plain", "smp") if options.smp is not None else ("plain",)
    results = [measure(case, kinds, options.rounds, options.batches, options.precision) for case in options.cases]
    settings = {"batch": BATCH, "size": SIZE, "rounds": options.rounds, "precision": options.precision}
    counts = {kind: gmacs(rival() if kind == "smp" else pyramid()) for kind in kinds}
    write_report(options.out, __doc__.splitlines()[0], {**settings, "recipe": RECIPE, "gmacs": counts}, results)


if __name__ == "__main__":
    main()
