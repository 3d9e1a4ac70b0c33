"""What average precision costs beside the network, and how far its levels are from exact scores.

    python benchmarks/average_precision.py          writes average_precision.json beside it; minutes on one core

Time: 24 of 213 pictures of 21 classes, scores drawn as smooth maps (what is computed does not depend on the weights), with
the network `fpn` on `tf_efficientnet_lite0` (random weights) at 224×224, on one thread, processor time.
Exactness: scores of several confidences, against scikit-learn's `average_precision_score` of the exact log-odds, in 65,536
levels, in the 1,024 that a run keeps of each picture, and in 65,536 levels of equal width in the probability itself.
"""

import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from pixelwise.engine.hardware.allocator import keep_large_buffers
from pixelwise.engine.torch.reductions import levels, winner
from pixelwise.metrics import ranking
from pixelwise.metrics.average_precision import average_precision
from pixelwise.models import MODELS
from pixelwise.types import ClassMap, DatasetInfo, Sample

CLASSES, PICTURES, TIMED = 21, 213, 24


def drawn(generator: torch.Generator, size: tuple[int, int], scale: float) -> tuple[torch.Tensor, np.ndarray]:
    """Smooth scores (1, C, H, W) and a mask that they know something of; a twentieth of it is void."""
    coarse = torch.randn(1, CLASSES, 9, 9, generator=generator) * scale
    scores = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    noise = torch.randn(1, CLASSES, 9, 9, generator=generator) * scale
    truth = (
        (scores + torch.nn.functional.interpolate(noise, size, mode="bilinear")).argmax(1)[0].to(torch.uint8).numpy()
    )
    truth[: size[0] // 20] = 255
    return scores + torch.randn(scores.shape, generator=generator) * 0.1 * scale, truth


def costs(size: tuple[int, int], model: torch.nn.Module | None) -> dict[str, float]:
    """Milliseconds of processor time a picture."""
    info = DatasetInfo("drawn", tuple(map(str, range(CLASSES))), ((0, 0, 0),) * CLASSES, frozenset({"mask"}), 255)
    metric, generator = average_precision(info), torch.Generator().manual_seed(0)
    image = np.zeros((*size, 3), np.uint8)
    spent = dict.fromkeys(("network", "winner", "levels", "counting", "scores", "kept"), 0.0)

    def timed(name, function):
        start = time.process_time()
        found = function()
        spent[name] += time.process_time() - start
        return found

    kept = 0
    before = metric.kept_states
    for number in range(TIMED):
        scores, truth = drawn(generator, size, 4.0)
        if model is not None:
            pictures = torch.randn(1, 3, *size, generator=generator)
            timed("network", lambda: model(pictures))  # noqa: B023
        indices = timed("winner", lambda: winner(scores)[0])  # noqa: B023
        made = timed("levels", lambda: levels(scores)[0])  # noqa: B023
        sample = Sample(str(number), image, truth)
        timed("counting", lambda: metric.update(sample, ClassMap(indices, None, made)))  # noqa: B023
        now = timed("kept", lambda: metric.kept_states)
        kept += int(np.count_nonzero(now - before))
        before = now
    timed("scores", metric.scores)
    found = {name: round(1000 * seconds / TIMED, 2) for name, seconds in spent.items()}
    return {**found, "kept_megabytes_of_all_pictures": round(kept * 12 / 1e6 * PICTURES / TIMED, 1)}


def differences(scale: float) -> dict[str, float]:
    """The largest difference of any class's AP to the exact one."""
    generator = torch.Generator().manual_seed(1)
    pairs = [drawn(generator, (120, 160), scale) for _ in range(4)]
    odds, truth = [], np.stack([mask for _, mask in pairs])
    for scores, _ in pairs:
        z = scores[0].double()
        rests = [torch.cat([z[:c], z[c + 1 :]]).logsumexp(dim=0) for c in range(CLASSES)]
        odds.append(torch.stack([z[c] - rest for c, rest in enumerate(rests)], dim=-1).numpy())
    exact, kept = np.stack(odds), truth != 255
    p = 1 / (1 + np.exp(-exact))
    ways = {
        "levels_65536": ranking.quantised(exact),
        "levels_1024": ranking.quantised(exact) >> 6,
        "probability_65536": np.floor(np.minimum(p * 65536, 65535)),
    }
    found = dict.fromkeys(ways, 0.0)
    for c in range(CLASSES):
        own = truth[kept] == c
        if own.any():
            told = average_precision_score(own, exact[kept][:, c])
            for name, values in ways.items():
                there = average_precision_score(own, values[kept][:, c].astype(np.int64))
                found[name] = max(found[name], abs(there - told))
    return {name: round(value, 7) for name, value in found.items()}


def main() -> None:
    keep_large_buffers()
    torch.set_num_threads(1)
    model = MODELS.build("fpn", 3, CLASSES).eval()
    with torch.inference_mode():
        time_of = {"224x224": costs((224, 224), model), "500x375": costs((375, 500), None)}
    small = time_of["224x224"]
    own = small["levels"] + small["counting"]
    record = {
        "machine": {"processor": platform.processor() or platform.machine(), "threads": 1, "torch": torch.__version__},
        "pictures": TIMED,
        "classes": CLASSES,
        "milliseconds_a_picture": time_of,
        "share_of_network_winner_levels_counting": round(own / (own + small["network"] + small["winner"]), 3),
        "largest_difference_of_a_class": {
            f"scores_of_deviation_{scale:g}": differences(scale) for scale in (1.0, 4.0, 12.0)
        },
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
