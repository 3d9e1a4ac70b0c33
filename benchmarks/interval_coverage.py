"""How often 95 % intervals over pictures contain the true score: several methods in drawn data sets, and what they cost.

    python benchmarks/interval_coverage.py                          # writes interval_coverage.json beside this file
    python benchmarks/interval_coverage.py --sets 100 --only rare   # a quick look; fewer sets write nothing
    python benchmarks/interval_coverage.py --only scenes --kept scenes=RUN/predictions/states-test.npz

A population is many pictures, each with what it adds to the counts of a score; the true score is that of all of them. A data
set is n pictures drawn from it with replacement. With `--only` the other populations in the JSON stay. `--kept` adds
populations of pictures that a run has scored; the one in the JSON is of
`pixelwise train quickstart "data.dataset={name: scenes, test: 4000}" data.test=test`.

Methods: `jackknife_score` is what pixelwise writes (statistics/jackknife.py). The others are the percentile bootstrap (Efron
1979), the expanded percentile (Hesterberg 2015), BCa (Efron 1987), Student's t with the jackknife's standard error on the
logit scale, and the studentised bootstrap on the logit scale for scores whose influences have a formula.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from pixelwise.metrics.accuracy import accuracy
from pixelwise.metrics.base import Metric
from pixelwise.metrics.confusion import confusion
from pixelwise.metrics.pictures import over_pictures, score_draws
from pixelwise.run.environment import environment
from pixelwise.run.states import States, read_states
from pixelwise.statistics.bootstrap import draw_counts
from pixelwise.statistics.jackknife import score_interval
from pixelwise.types import DatasetInfo

SIZES, SETS, DRAWS = (20, 72, 213), 1000, 1000
Array = NDArray[np.float64]
Ends = tuple[float, float]
EDGE = 1e-3  # the logit of 0 and 1 is taken here


@dataclass(frozen=True)
class Population:
    """states: (N, K) what each picture adds; score: (D, K) sums → (D,); slope: its derivative by the sums, (D, K)."""

    name: str
    about: str
    states: Array
    score: Callable[[Array], Array]
    slope: Callable[[Array], Array] | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=SETS, help="data sets drawn of each population and size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="populations whose name contains this")
    parser.add_argument("--kept", action="append", default=[], metavar="NAME=FILE", help="states that a run has kept")
    options = parser.parse_args()
    found = []
    kept = [read_kept(*one.split("=", 1)) for one in options.kept]
    for population in (one for group in (*kept, populations()) for one in group if options.only in one.name):
        true = float(population.score(population.states.sum(axis=0, keepdims=True))[0])
        sizes = {str(n): study(population, true, n, options.sets, options.seed) for n in SIZES}
        about = {"about": population.about, "pictures": len(population.states), "true": round(true, 4)}
        found.append({"name": population.name, **about, "n": sizes})
        for n, told in sizes.items():
            covered = "  ".join(f"{name} {one['covers']:.1f}" for name, one in told["methods"].items())
            print(f"{population.name:34} n={n:>3}  {covered}", flush=True)
    result = {
        "what": "percent of 95 % intervals that contain the true score; misses below and above; mean width",
        "sets": options.sets,
        "draws": DRAWS,
        "seed": options.seed,
        "standard_error_of_a_percentage": round(100 * (0.95 * 0.05 / options.sets) ** 0.5, 2),
        "populations": found,
        "cost": cost(),
        "environment": environment() | {"command": ["python", "benchmarks/interval_coverage.py"]},
    }
    print(json.dumps(result["cost"], indent=2))
    file = Path(__file__).with_suffix(".json")
    if options.sets == SETS:
        before = json.loads(file.read_text())["populations"] if options.only and file.is_file() else []
        names = {one["name"] for one in found}
        result["populations"] = [*(one for one in before if one["name"] not in names), *found]
        file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def study(population: Population, true: float, n: int, sets: int, seed: int) -> dict[str, object]:
    """Coverage and width of every method in data sets of n pictures."""
    generator = np.random.default_rng([seed, n])
    weights = np.concatenate(list(draw_counts(n, DRAWS))).astype(np.float64)
    ends: dict[str, list[Ends]] = {}
    estimates = []
    for _ in range(sets):
        states = population.states[generator.integers(0, len(population.states), n)]
        total = states.sum(axis=0)
        value = float(population.score(total[None])[0])
        without, drawn = population.score(total - states), population.score(weights @ states)
        estimates.append(value)
        for name, pair in intervals(value, without, drawn, n):
            ends.setdefault(name, []).append(pair)
        if population.slope is not None:
            pair = studentised(value, states, drawn, weights, population.slope)
            ends.setdefault("studentised_bootstrap_logit", []).append(pair)
    methods = {}
    for name, pairs in ends.items():
        low, high = np.array(pairs).T
        shares = {"covers": (low <= true) & (true <= high), "misses_below": true < low, "misses_above": high < true}
        methods[name] = {what: round(100 * float(hit.mean()), 1) for what, hit in shares.items()}
        methods[name]["width"] = round(float((high - low).mean()), 4)
    return {"mean": round(float(np.mean(estimates)), 4), "sd": round(float(np.std(estimates)), 4), "methods": methods}


# -- methods ----------------------------------------------------------------------------------------------------------


def intervals(value: float, without: Array, drawn: Array, n: int) -> Iterator[tuple[str, Ends]]:
    """The methods that need the score alone."""
    interval = score_interval(value, [float(one) for one in without])
    yield "jackknife_score", (interval.low, interval.high) if interval else (value, value)
    t, normal = float(stdtrit(n - 1, 0.975)), float(ndtri(0.975))
    yield "percentile", ends_at(drawn, 0.025, 0.975)
    tail = float(ndtr(-np.sqrt(n / (n - 1)) * t))
    yield "expanded_percentile", ends_at(drawn, tail, 1 - tail)
    yield "bca", bca(value, without, drawn, normal)
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    at, half = inner(value), t * error / (inner(value) * (1 - inner(value)))
    yield "jackknife_t_logit", (float(expit(logit(at) - half)), float(expit(logit(at) + half)))


def ends_at(drawn: Array, low: float, high: float) -> Ends:
    found = np.quantile(drawn, [low, high])
    return float(found[0]), float(found[1])


def bca(value: float, without: Array, drawn: Array, normal: float) -> Ends:
    """Bias-corrected and accelerated; ties count half."""
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = ndtri(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn)))
    difference = without.mean() - without
    squares = float((difference**2).sum())
    acceleration = float((difference**3).sum()) / (6 * squares**1.5) if squares > 1e-24 else 0.0
    low, high = (float(ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))) for z in (-normal, normal))
    return ends_at(drawn, low, high)


def studentised(value: float, states: Array, drawn: Array, weights: Array, slope: Callable[[Array], Array]) -> Ends:
    """Each draw's distance from the score in units of its own standard error, by the delta method, on the logit scale."""
    n = len(states)

    def errors(times: Array) -> Array:
        sums = times @ states
        slopes = slope(sums)
        influences = slopes @ states.T - (slopes * sums / n).sum(axis=1, keepdims=True)
        return np.asarray(np.sqrt((times * influences**2).sum(axis=1) * n / (n - 1)))

    at, around = inner(value), inner(drawn)
    own = float(errors(np.ones((1, n)))[0]) / (at * (1 - at))
    with np.errstate(all="ignore"):
        distances = (logit(around) - logit(at)) / (errors(weights) / (around * (1 - around)))
    distances = distances[np.isfinite(distances)]
    if len(distances) < DRAWS / 2:
        return value, value
    low, high = np.quantile(distances, [0.025, 0.975])
    return float(expit(logit(at) - high * own)), float(expit(logit(at) - low * own))


def inner(values: float | Array) -> Array:
    return np.clip(values, EDGE, 1 - EDGE)


# -- populations ------------------------------------------------------------------------------------------------------


def populations() -> Iterator[Population]:
    generator = np.random.default_rng(11)
    presence = (0.85, 0.6, 0.5, 0.45, 0.15, 0.8, 0.12, 0.6, 0.45)
    areas = (0.3, 0.25, 0.2, 0.2, 0.15, 0.3, 0.1, 0.2, 0.1)
    right = (0.92, 0.75, 0.88, 0.8, 0.7, 0.82, 0.5, 0.75, 0.4)
    yield from segmented("nine classes", "outdoor scenes", draw_matrices(presence, areas, right, generator))
    rare = (1, *np.linspace(0.04, 0.15, 19).tolist(), 0.35)
    matrices = draw_matrices(rare, (3, *[0.5] * 20), (0.95, *np.linspace(0.3, 0.8, 20).tolist()), generator)
    yield from segmented("rare classes", "21 classes, 19 of them in 4 to 15 % of the pictures", matrices)
    for p in (0.4, 0.7, 0.9, 0.98):
        hits = generator.random(50_000) < p
        yield mean_of(f"classification, accuracy {p}", "each picture is right or wrong", hits.astype(np.float64))
    labels, likely = generator.integers(0, 10, 50_000), np.linspace(0.5, 0.95, 10)
    hit = np.eye(10)[labels] * (generator.random(50_000) < likely[labels])[:, None]
    both = np.concatenate([hit, np.eye(10)[labels]], axis=1)
    yield Population("classification, balanced accuracy", "ten classes, right in 50 to 95 %", both, mean_ratio)
    typical = generator.beta(10, 2, 50_000)
    poor = generator.random(50_000) < 0.2
    values = np.where(poor, 0.8 * generator.random(50_000), typical)
    yield mean_of("foreground IoU of each picture", "mean over pictures; a fifth of them are poor", values)
    good, failed = generator.beta(30, 2, 50_000), generator.random(50_000) < 0.05
    values = np.where(failed, 0.5 * generator.random(50_000), good)
    yield mean_of(
        "foreground IoU, rare failures", "mean over pictures; one in twenty fails, the rest are alike", values
    )
    yield Population("mean AP", "three classes, 32 levels", draw_levels(generator), mean_ap)


def draw_matrices(
    presence: tuple[float, ...],
    areas: tuple[float, ...],
    right: tuple[float, ...],
    generator: np.random.Generator,
    pictures: int = 30_000,
) -> Array:
    """Confusion matrices (N, C, C) of pictures with some of the classes, of varying area, each found well or hardly at all.

    Of the pixels that are wrong, 60 % go to the other classes of the picture, 25 % to any class, 15 % to the first.
    """
    classes, shape = len(presence), (pictures, len(presence))
    there = generator.random(shape) < np.array(presence)
    there[~there.any(axis=1), 0] = True
    area = np.exp(generator.normal(np.log(areas), 0.8, shape)) * there
    truth = np.round(50_000 * area / area.sum(axis=1, keepdims=True))
    spread = generator.normal(0, 1, shape) + generator.normal(0, 0.7, (pictures, 1))  # of the class, of the picture
    missed = generator.random(shape) < 0.5 * (1 - np.array(right))
    recall = np.where(missed, 0.1 * generator.random(shape), expit(logit(np.array(right)) + spread))
    hits = np.round(truth * recall)
    wrong = truth - hits
    others = truth[:, None, :] * (1 - np.eye(classes))
    shares = others / np.maximum(others.sum(axis=2, keepdims=True), 1)
    matrices = np.floor(0.6 * wrong[:, :, None] * shares)
    diagonal, row = np.arange(classes), np.arange(pictures)
    matrices[:, diagonal, diagonal] = hits
    anywhere = generator.choice(classes, shape, p=np.array(presence) / sum(presence))
    for c in range(classes):
        column = np.where(anywhere[:, c] == c, 0, anywhere[:, c])
        matrices[row, c, column] += np.floor(0.25 * wrong[:, c])
        matrices[:, c, 0] += np.floor(0.15 * wrong[:, c])
    return matrices


def segmented(name: str, about: str, matrices: Array) -> Iterator[Population]:
    """Mean IoU by both rules, and pixel accuracy."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    truth = matrices.sum(axis=2)
    states = np.concatenate([hits, truth + matrices.sum(axis=1) - hits, truth], axis=1)
    for rule, part in (("truth or prediction", 1), ("truth", 2)):
        yield Population(
            f"{name}, mean IoU ({rule})",
            f"{about}; mean over the classes in {rule}",
            states,
            partial(mean_ratio, part=part),
            partial(mean_ratio_slope, part=part),
        )
    sums = np.stack([hits.sum(axis=1), truth.sum(axis=1)], axis=1)
    yield Population(f"{name}, pixel accuracy", about, sums, mean_ratio, mean_ratio_slope)


def read_kept(name: str, file: str) -> Iterator[Population]:
    """The first metric of a run that labels pixels; void pixels are left out."""
    states = read_states(Path(file)).metrics[0]
    matrices = states.matrix().toarray().reshape(states.pictures, *states.shape)[:, :-1]
    yield from segmented(name, f"{states.pictures} pictures scored by a trained network", matrices.astype(np.float64))


def mean_of(name: str, about: str, values: Array) -> Population:
    return Population(name, about, np.stack([values, np.ones_like(values)], axis=1), mean_ratio, mean_ratio_slope)


def mean_ratio(sums: Array, part: int = 1) -> Array:
    """Mean over the classes of the first part over the second; over the classes with a count in the given part."""
    parts = np.stack(np.split(sums, 3 if part == 2 or sums.shape[1] % 3 == 0 else 2, axis=1))
    known = parts[part] > 0.5
    ratios = np.where(known, parts[0] / np.where(known, parts[1], 1), 0)
    return np.asarray(ratios.sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def mean_ratio_slope(sums: Array, part: int = 1) -> Array:
    parts = np.stack(np.split(sums, 3 if part == 2 or sums.shape[1] % 3 == 0 else 2, axis=1))
    known = parts[part] > 0.5
    below, count = np.where(known, parts[1], 1), np.maximum(known.sum(axis=1, keepdims=True), 1)
    slopes = np.zeros_like(parts)
    slopes[0], slopes[1] = known / below / count, -1.0 * known * parts[0] / below**2 / count
    return np.concatenate(list(slopes), axis=1)


def draw_levels(generator: np.random.Generator, pictures: int = 20_000, classes: int = 3, levels: int = 32) -> Array:
    """Pixels of and not of each class by the level of their score, (N, 2·C·L): normal scores, shifted for each picture."""
    shape = (pictures, classes, 1)
    edges = np.linspace(-4, 6, levels - 1)
    areas = np.exp(generator.normal(7, 1, shape)) * (generator.random(shape) < np.array([[0.8], [0.5], [0.2]]))
    counts = []
    for area, mean in ((areas, 2.0), (20_000 - np.minimum(areas, 19_000), -1.0)):
        shifted = edges - mean - generator.normal(0, 1, shape)
        below = np.concatenate([np.zeros(shape), ndtr(shifted), np.ones(shape)], axis=2)
        counts.append(np.round(area * np.diff(below, axis=2)))
    return np.stack(counts, axis=1).reshape(pictures, -1)


def mean_ap(sums: Array, classes: int = 3) -> Array:
    """Mean over the classes in the truth of Σ over the levels, from the highest, of (new recall · precision)."""
    positive, negative = (part[..., ::-1] for part in np.moveaxis(sums.reshape(len(sums), 2, classes, -1), 1, 0))
    hits, said = positive.cumsum(axis=2), (positive + negative).cumsum(axis=2)
    known = hits[..., -1] > 0.5
    each = (positive * hits / np.maximum(said, 1)).sum(axis=2) / np.maximum(hits[..., -1], 1)
    return np.asarray((each * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


# -- cost -------------------------------------------------------------------------------------------------------------


def cost() -> dict[str, object]:
    """Seconds for all scores of a split: this interval, and for comparison the scores of 2,000 bootstrap draws."""
    generator = np.random.default_rng(0)
    names = ("background", *(f"class {number}" for number in range(20)))
    info = DatasetInfo("drawn", names, ((0, 0, 0),) * 21, frozenset({"mask"}), void=255)
    matrices = draw_matrices((1, *[0.08] * 20), (3, *[0.5] * 20), (0.9,) * 21, generator, 213)
    counts = np.concatenate([matrices, np.zeros((213, 1, 21))], axis=1).astype(np.int64)
    voc = timed(confusion(info), "confusion", info, counts)
    info = DatasetInfo("drawn", names[:10], ((0, 0, 0),) * 10, frozenset({"label"}))
    metric = accuracy(info)
    labelled = np.zeros((10_000, *metric.state.shape), np.int64)
    truth, said = generator.integers(0, 10, (2, 10_000))
    row = np.arange(10_000)
    labelled[row, 10 * truth + said], labelled[row, 100 + truth] = 1, 1
    labelled[row, 110 + 3 * generator.integers(0, 15, 10_000)] = 1
    return {
        "voc2007 val: 213 pictures, 21 classes": voc,
        "cifar10: 10,000 pictures": timed(metric, "accuracy", info, labelled),
    }


def timed(metric: Metric, name: str, info: DatasetInfo, counts: NDArray[np.int64]) -> dict[str, float]:
    flat = counts.reshape(len(counts), -1)
    picture, place = np.nonzero(flat)
    states = States(len(counts), counts.shape[1:], np.stack([picture, place, flat[picture, place]], axis=1))
    metric.state = states.total()
    seconds = []
    for run in (lambda: over_pictures(metric, states), lambda: score_draws(name, {}, info, states)):
        times = []
        for _ in range(3):
            begun = time.process_time()
            run()
            times.append(time.process_time() - begun)
        seconds.append(round(min(times), 3))
    return {"jackknife_score_s": seconds[0], "bootstrap_2000_draws_s": seconds[1]}


if __name__ == "__main__":
    main()
