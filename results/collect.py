"""Write results/<recipe>.json from finished runs over seeds, and docs/results.md from all of them.

    python results/collect.py voc2007/basic_fcn RUN RUN RUN      one recipe's runs, then the page
    python results/collect.py voc2007/basic_fcn --add RUN        runs of other seeds beside those that are recorded
    python results/collect.py                                    only the pages

Beside it, docs/courses.md from the declarations of the courses, and the compact copy of the results that comes with the
package.

Fields that older results lack become null; no value is changed.
A run counts only where its recipe is the shipped one, whatever its seed. Where its hardware part differs (precision, layout,
threads, ...), the record and the page say how.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelwise.courses.course import COURSES, load_course
from pixelwise.courses.handbook import handbook
from pixelwise.courses.recorded import FILE as COMPACT
from pixelwise.courses.recorded import compact
from pixelwise.errors import RunError
from pixelwise.recipe.load import check_recipe, load_recipe
from pixelwise.recipe.shipped import shipped_recipes
from pixelwise.report.record import in_steps, loss_function, losses_at, scores_of
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.environment import machine_of
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding, differences
from pixelwise.types import Score, current_key

Json = dict[str, Any]

RESULTS = Path(__file__).resolve().parent
PAGE, MAP = RESULTS.parent / "docs" / "results.md", RESULTS.parent / "docs" / "courses.md"
COLUMNS = {  # (data set, split): a table over the recipes of which this split is the last one scored
    ("voc2007", "val"): {
        "pixel_accuracy[void=background]": "pixel accuracy",
        "mean_iou[void=background,classes=truth_or_prediction]": "mean IoU",
        "mean_iou[void=ignore,classes=truth_or_prediction]": "mean IoU, void ignored",
        "mean_class_accuracy[void=background,classes=truth]": "mean class accuracy",
    },
    ("stanford_background", "val"): {
        "mean_ap[interpolation=all_points,void=none,classes=truth]": "mean AP, VOC's form",
        "mean_iou[void=none,classes=truth_or_prediction]": "mean IoU",
        "pixel_accuracy[void=none]": "pixel accuracy",
        "mean_class_accuracy[void=none,classes=truth]": "mean class accuracy",
    },
    ("flowers17", "val"): {
        "foreground_iou[over=pictures,void=ignore,empty=skipped]": "foreground IoU",
        "thresholded_iou[over=pictures,void=ignore,empty=skipped]": "thresholded IoU",
        "accuracy": "accuracy",
    },
    ("penn_fudan", "val"): {
        "mask_ap[iou=.50:.95]": "mask AP",
        "mask_ap50": "mask AP at .50",
        "mask_ap75": "mask AP at .75",
        "box_ap[iou=.50:.95]": "box AP",
        "panoptic_quality[classes=truth_or_prediction]": "panoptic quality",
    },
    ("cifar10", "test"): {"accuracy": "accuracy", "calibration_error[bins=15]": "calibration error"},
    ("cifar10", "train"): {"accuracy": "accuracy"},
    ("scenes", "val"): {
        "pixel_accuracy[void=none]": "pixel accuracy",
        "mean_iou[void=none,classes=truth_or_prediction]": "mean IoU",
        "accuracy[palette=16]": "accuracy over 16 colours",
        "mask_ap[iou=.50:.95]": "mask AP",
    },
    ("cifar10_longtail", "test"): {
        "accuracy": "accuracy",
        "accuracy_many[n>100]": "many (n > 100)",
        "accuracy_medium[n=20..100]": "medium (n = 20..100)",
        "calibration_error[bins=15]": "calibration error",
    },
    ("cifar10_longtail", "val"): {"accuracy": "accuracy", "calibration_error[bins=15]": "calibration error"},
    ("cifar10_horses", "test"): {
        "accuracy[palette=24]": "accuracy over 24 colours",
        "psnr[reference=original,mse=pooled]": "PSNR, dB",
        "delta_e[reference=original,formula=cie76]": "mean ΔE",
    },
}
KNOWN = {
    ("cifar10", "train"): """\
The same pictures that were trained on: whether a network written by hand can learn fifty of them by heart in 50 updates. The
course says slightly under .9; with 50 pictures one more or less is .02, and the spread over seeds is that of the weights and
of the draw of the batches.
""",
    ("cifar10_longtail", "test"): """\
The test set is whole and balanced, so accuracy is balanced accuracy. What the paper states is for 200 epochs; recipes under
`short` and `short_ratio_50` train for 20, all losses alike, and compare only with each other.
""",
    ("cifar10_horses", "test"): """\
The 1,000 test horses, scored once with the epoch that 500 held-out training horses chose; the published student result trained
on all 5,000 and chose nothing. The palette is k-means' on the training part, so each seed has its own.
Recipes under `batch` train for 25 epochs, where a smaller batch makes more updates; those under `updates` make 1,125 each.
""",
    ("stanford_background", "val"): """\
The form of the course: 288×224, nine classes, misc counted. `pixel_frequency` keeps the five copies that the other recipes
leave out, because the stated numbers do. Where many pixels have equal scores, VOC's form depends on their order: here they
enter together.
""",
    ("flowers17", "val"): """\
The thresholded IoU is the course's mean of ⌈clamp(20 (IoU − .5), 0, 10)⌉ / 10; the course calls it mIoU.
""",
    ("penn_fudan", "val"): """\
Twenty pictures with 51 people, which also chose the epoch. The interval over pictures of one run is about ± .15 in mask AP:
only large differences can be seen on so few. Objects are decoded with the options of the recipe, which were not tuned.
""",
    ("voc2007", "val"): """\
Known for perspective (val, void as background): a constant "background" scores .7507 pixel accuracy and .0357 mean IoU;
the course states about .65 and .05 for a naive baseline; students' baselines lie at .70–.77 and .05–.08.

The settings, too, were chosen by looking at these val pictures: thirteen trial runs for `basic_fcn`, eleven for `lean_unet`,
most of them stopped early and not counted here (LAB.md). Seed 0 of `lean_unet` is the trial that chose its width;
seeds 1 and 2 were run once, afterwards. The length of `shared_pyramid` was chosen from one longer trial of seed 0.

The mean IoU of `basic_fcn` (plain, augmented, with a cosine schedule, weighted) and of `unet` lie within .0014 of each other;
the standard deviation over the seeds of `unet` alone is .0017. These numbers do not show that one of the steps helps. In
trials of the baseline with batches of 4, 8 and 16 and rates of 1e-3 and 3e-3, the training loss stayed near that of a constant
for about 20 epochs. Afterwards the network learns the pictures by heart.

Seven trials of 120 epochs show the same (seed 0 each, cosine): mean IoU and pixel accuracy are .0467 and .698 for the plain
baseline, .0437 and .689 with normalisation before the activation, .0442 and .692 with three times the rate beside it, .0434
and .698 with batches of 4. Their training losses end at .13 to .29, their validation losses at 1.67 to 1.87, above that of a
constant. With flips, rotations and crops the baseline has .0510 and .741, with normalisation before the activation too .0511
and .754, and `unet` .0473 and .743; their losses end at .97 to 1.06 in training and 1.13 to 1.16 in validation. So of the
course's steps only augmentation shows an effect, and only in a long training: +.004 to +.007 in mean IoU, with one seed, and
little more than the constant guess. What helps from scratch is a network that sees the whole picture (`lean_unet`,
`shared_pyramid`); what helps more is pretrained weights ([transfer](transfer.md)).
""",
}
HEAD = """\
# Results

Made from `results/*/*.json` by `python results/collect.py`; nothing here is typed by hand. Each number is the mean ± standard
deviation over seeds, with the whole split scored at once. The minutes of a run were measured on the machine that trained it. Up
to 18 runs used the GPU at the same time. Stanford Background has no test pictures with labels, and the 210
labelled test pictures of VOC 2007 were not used, so every number of both is **val**; the
epoch was chosen on the same pictures by mean IoU, which makes the numbers a
little optimistic. Where recipes score at different sizes, a column says which. Mean IoU is over the classes in truth or
prediction, mean class accuracy over those in the truth.

The column "precision" is what the runs computed in. "bf16 (recipe: fp32)" means that the shipped recipe asks for fp32: the
numbers are those of the recipe with `hardware.precision=bf16`, and were not measured again.
"""


def main(arguments: list[str]) -> None:
    if arguments:
        beside = "--add" in arguments  # that the recipe is the one of the recorded runs is the caller's to know
        name, *paths = [argument for argument in arguments if argument != "--add"]
        runs = [RunFolder.open(Path(run)) for run in paths]
        recipe = load_recipe(name).model_dump(mode="json")
        shipped, differs = without_seed(recipe), []
        for run in runs:
            # options that recipes have learned since the run stand at their defaults, which is what the run did
            made = check_recipe(run.read("setup")["recipe"], where=str(run.path)).model_dump(mode="json")
            if without_seed(made | {"metrics": shared_metrics(made, recipe)}) != shipped:
                raise RunError(f"was not made from the shipped recipe '{name}'.", where=str(run.path))
            differs += [
                f"{where}={_written(after)}, in the recipe {_written(before)}"
                for where, before, after in differences(recipe["hardware"], made["hardware"], "hardware")
            ]
        # A run may be of another recipe, with options that make it this one: its words would be those of the other.
        words = {"title": recipe["title"], "stated": recipe["stated"]}
        record, file = {**collect(name, runs), **words, "differs": sorted(set(differs))}, RESULTS / f"{name}.json"
        write_json(file, merge(json.loads(file.read_text(encoding="utf-8")), record) if beside else record)
    for file in RESULTS.rglob("*.json"):
        complete(file)
    write_text(PAGE, page())
    write_text(MAP, handbook())
    write_text(COMPACT, packaged())


def packaged() -> str:
    """The results of the courses' recipes in compact form, a line each."""
    recipes = sorted({recipe for name in COURSES for recipe in load_course(name).recipes})
    there = [(recipe, RESULTS / f"{recipe}.json") for recipe in recipes]
    lines = [
        f"{json.dumps(recipe)}: {json.dumps(compact(json.loads(file.read_text(encoding='utf-8'))), ensure_ascii=False)}"
        for recipe, file in there
        if file.exists()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def shared_metrics(made: Json, recipe: Json) -> list[Json]:
    """The metrics of a run without those that the recipe no longer has: the run counted more, and trained the same."""
    return [metric for metric in made["metrics"] if metric in recipe["metrics"]]


def complete(file: Path) -> None:
    """Add the fields that results have had since version 0.1, as null, and rename its keys of scores. Values stay."""
    record = json.loads(file.read_text(encoding="utf-8"))
    missing = dict.fromkeys(field for field in ("steps", "loss", "losses", "differs") if field not in record)
    scores = {
        split: {current_key(key): value for key, value in found.items()} for split, found in record["scores"].items()
    }
    chosen_by = current_key(record["chosen_by"])
    if missing or scores != record["scores"] or chosen_by != record["chosen_by"]:
        del record["scores"]
        write_json(file, {**record, "chosen_by": chosen_by, **missing, "scores": scores})


def page() -> str:
    """docs/results.md: a table a data set; a shipped recipe without a result says so."""
    parts = [HEAD]
    for (data_set, split), columns in COLUMNS.items():
        recipes = [name for name in shipped_recipes() if name.startswith(f"{data_set}/") and last_split(name) == split]
        records = [
            {**json.loads(f.read_text()), "asked": load_recipe(name).hardware.precision}
            for name in recipes
            if (f := RESULTS / f"{name}.json").exists()
        ]
        missing = [f"`{name}`: not run" for name in recipes if not (RESULTS / f"{name}.json").exists()]
        parts.append(f"## {data_set}, {split}\n\n{KNOWN.get((data_set, split), '')}")
        if records:
            parts.append(markdown_table(records, split, columns))
            parts.append("Machine: " + "; ".join(sorted({m for r in records for m in r["machine"]})) + ".\n")
        if missing:
            parts.append("\n".join(f"- {line}" for line in missing) + "\n")
    return "\n".join(parts)


def last_split(name: str) -> str:
    """The split of a recipe's final scores."""
    data = load_recipe(name).data
    return data.test or data.validation


def collect(name: str, runs: Sequence[RunFolder]) -> Json:
    """One record for a recipe from finished runs of it; that they are of this recipe is the caller's to know.

    Raises RunError if a run is not finished or repeats a seed.
    """
    setups = [run.read("setup") for run in runs]
    summaries = [_summary(run) for run in runs]
    environments = [run.read("environment") for run in runs]
    seeds = [setup["recipe"]["train"]["seed"] for setup in setups]
    if len(set(seeds)) != len(seeds):
        raise RunError(f"the seeds {seeds} repeat: a seed counts once.", where=name)
    first = setups[0]
    return {
        "recipe": name,
        "title": first["recipe"]["title"],
        "stated": first["recipe"]["stated"],
        "commit": sorted({str(environment["commit"]) for environment in environments}),
        "machine": sorted({machine_of(environment) for environment in environments}),
        "versions": _versions([environment["packages"] for environment in environments]),
        "device": ", ".join(sorted({setup["choices"]["device"] for setup in setups})),
        "precision": sorted({setup["choices"]["precision"] for setup in setups}),
        "parameters": first["model"]["parameters"],
        "macs": first["model"]["macs"],
        "pictures": {split: record["pictures"] for split, record in first["data"]["splits"].items()},
        "seeds": seeds,
        "epochs": [summary["epochs"] for summary in summaries],
        "steps": [summary["steps"] for summary in summaries] if in_steps(first["recipe"]) else None,
        "best_epoch": [summary["best"]["epoch"] for summary in summaries],
        "chosen_by": current_key(summaries[0]["best"]["metric"]),
        "minutes": [round(summary["seconds"]["total"] / 60, 2) for summary in summaries],
        "loss": loss_function(first["recipe"]),
        "losses": _losses([_losses_of(run, summary) for run, summary in zip(runs, summaries, strict=True)]),
        "scores": _scores(summaries),
    }


def _versions(runs: Sequence[Mapping[str, str | None]]) -> dict[str, str | None]:
    """package → its version; where the runs had several, all of them, separated by commas."""
    names = dict.fromkeys(name for packages in runs for name in packages)
    found = {name: sorted({str(packages[name]) for packages in runs if packages.get(name)}) for name in names}
    return {name: ", ".join(versions) or None for name, versions in found.items()}


def merge(record: Json, more: Json) -> Json:
    """Two records of a recipe as one, the seeds of the first before those of the other. Raises RunError if a seed repeats."""
    if both := set(record["seeds"]) & set(more["seeds"]):
        raise RunError(f"the seeds {sorted(both)} are recorded already: a seed counts once.", where=record["recipe"])
    if changed := [field for field in ("parameters", "macs", "loss", "pictures") if record[field] != more[field]]:
        raise RunError(f"the runs differ from those recorded in {', '.join(changed)}.", where=record["recipe"])
    listed = ("seeds", "epochs", "best_epoch", "minutes")
    united = ("commit", "machine", "precision", "differs")
    if record["scores"].keys() != more["scores"].keys():
        raise RunError("the runs were scored on other splits than those recorded.", where=record["recipe"])
    return {
        **more,
        **{field: record[field] + more[field] for field in listed},
        **{field: sorted({*record[field], *more[field]}) for field in united},
        "steps": record["steps"] and more["steps"] and record["steps"] + more["steps"],
        "versions": _versions([record["versions"], more["versions"]]),
        "device": ", ".join(sorted({record["device"], more["device"]})),
        "losses": record["losses"] and more["losses"] and _joined(record["losses"], more["losses"]),
        "scores": _joined(record["scores"], more["scores"]),
    }


def _joined(found: Json, more: Json) -> Json:
    """Spreads over seeds of the same names, joined. A score that only one has is left out: it is not of all seeds."""
    if "values" not in found:
        return {name: _joined(found[name], more[name]) for name in found if name in more}
    ends = [pair for part in (found, more) for pair in part.get("intervals") or [None] * len(part["values"])]
    return {**more, **_mean_and_sd(found["values"] + more["values"]), **({"intervals": ends} if any(ends) else {})}


def without_seed(recipe: Mapping[str, Any]) -> Json:
    """What decides the runs that are counted together. The precision is the machine's choice; the record names it."""
    return deciding(recipe, "hardware", "train.seed")


def markdown_table(records: Sequence[Json], split: str, columns: Mapping[str, str]) -> str:
    """The records as a Markdown table: one row per recipe, one column per score (key → heading), mean ± sd over seeds.

    asked: of a record, the precision that its recipe asks for; a run in another one is marked, and so is every other
    difference from the recipe's hardware part

    The losses of the best epoch follow where every record has them, of one loss function. Then what a course or a paper
    states of the split, where any of the recipes has such a number; the sources follow the table.
    """
    stated = [_stated(record, split) for record in records]
    beside = ["stated"] if any(stated) else []
    parts = ("train", "validation") if _share_a_loss(records) else ()
    losses = [f"{part} loss" for part in parts]
    sizes = [_resolution(record, split) for record in records]
    sized = ["counted at"] if len(set(sizes)) > 1 else []
    head = [
        "recipe",
        *sized,
        *columns.values(),
        *losses,
        *beside,
        "parameters",
        "GMACs",
        "epochs",
        "minutes",
        "precision",
        "seeds",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for record, known, size in zip(records, stated, sizes, strict=True):
        scores = record["scores"][split]
        cells = [
            f"`{record['recipe']}`",
            *(size for _ in sized),
            *(_cell(scores.get(key)) for key in columns),
            *(_cell(record["losses"]["best"][part].get("loss")) for part in parts),
            *(
                "; ".join(f"{_heading(item['metric'], columns)} {item['value']}" for item in known) or "–"
                for _ in beside
            ),
            f"{record['parameters']:,}",
            f"{record['macs'] / 1e9:.3g}",
            _span(steps, ",.0f") + " steps" if (steps := record.get("steps")) else _span(record["epochs"], ".0f"),
            _span(record["minutes"], ".1f"),
            _precision(record),
            str(len(record["seeds"])),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    sources = [
        f"- `{record['recipe']}`, stated: {item['what']} {item['value']} ({item['convention']}; {item['source']})"
        for record, known in zip(records, stated, strict=True)
        for item in known
    ]
    differs = [
        f"- `{record['recipe']}` was run with {text}" for record in records for text in record.get("differs") or ()
    ]
    notes = [*sources, *differs]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def _resolution(record: Json, split: str) -> str:
    return next((str(score["resolution"]) for score in record["scores"][split].values()), "")


def _share_a_loss(records: Sequence[Json]) -> bool:
    """Whether all have losses, of one function: others share no column. Older records have none."""
    return len({record.get("loss") for record in records}) == 1 and all(record.get("losses") for record in records)


def _heading(metric: str, columns: Mapping[str, str]) -> str:
    """How a table calls a score: as the column that shows it, or by its name without its convention."""
    return columns.get(metric) or metric.partition("[")[0].replace("_", " ")


def _stated(record: Json, split: str) -> list[Json]:
    return [item for item in record["stated"] if item.get("split") in (None, "", split)]


def _summary(run: RunFolder) -> Json:
    summary: Json = run.read("summary")
    if "splits" not in summary:
        raise RunError("has no final scores: was it interrupted?", where=str(run.path))
    return summary


def _scores(summaries: Sequence[Json]) -> Json:
    """split → key → mean, sd (n − 1) and value per seed; n is the number of pictures.

    intervals: of each seed the ends of its interval over pictures, where any of them has one
    """
    collected: Json = {}
    for split, record in summaries[0]["splits"].items():
        keys = [score.key for metric in record["metrics"] for score in scores_of(metric)]
        collected[split] = {key: _spread(summaries, split, key) for key in keys}
    return collected


def _spread(summaries: Sequence[Json], split: str, key: str) -> Json:
    found = []
    for summary in summaries:  # of two metrics that give the same score it counts once
        given = (score for metric in summary["splits"][split]["metrics"] for score in scores_of(metric))
        found.append(next((score for score in given if score.key == key), Score(key)))
    over = [None if score.interval is None else [score.interval.low, score.interval.high] for score in found]
    ends = [None if pair is None or None in pair else pair for pair in over]
    return {
        **_mean_and_sd([score.value for score in found]),
        **({"intervals": ends} if any(ends) else {}),
        "n": summaries[0]["splits"][split]["pictures"],
        "resolution": summaries[0]["splits"][split]["resolution"],
    }


def _losses_of(run: RunFolder, summary: Json) -> Mapping[str, Any]:
    """The losses in the summary; of a run of version 0.1, those in its events."""
    return summary.get("losses") or losses_at(run.events("epoch"), summary["best"]["epoch"])


def _losses(runs: Sequence[Mapping[str, Any]]) -> Json | None:
    """`best` and `last` epoch → `train` and `validation` → name → mean, sd (n − 1) and value per seed; None without any."""
    collected: Json = {}
    for which in ("best", "last"):
        for part in ("train", "validation"):
            told = [(run.get(which) or {}).get(part) or {} for run in runs]
            names = dict.fromkeys(name for losses in told for name in losses)
            spreads = {name: _mean_and_sd([losses.get(name) for losses in told]) for name in names}
            collected.setdefault(which, {})[part] = spreads
    return collected if any(names for parts in collected.values() for names in parts.values()) else None


def _mean_and_sd(values: Sequence[float | None]) -> Json:
    known = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(known) if known else None,
        "sd": statistics.stdev(known) if len(known) > 1 else None,
        "values": list(values),
    }


def _precision(record: Json) -> str:
    """The precision of the runs; beside it that of the shipped recipe, where it asks for another."""
    found, asked = ", ".join(record["precision"]), record.get("asked", "auto")
    return found if asked in ("auto", found) else f"{found} (recipe: {asked})"


def _written(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value


def _cell(score: Json | None) -> str:
    if score is None or score["mean"] is None:
        return "–"
    return f"{score['mean']:.4f}" + (f" ± {score['sd']:.4f}" if score["sd"] is not None else "")


def _span(values: Sequence[float], form: str) -> str:
    low, high = min(values), max(values)
    return f"{low:{form}}" if f"{low:{form}}" == f"{high:{form}}" else f"{low:{form}}–{high:{form}}"


if __name__ == "__main__":
    main(sys.argv[1:])
