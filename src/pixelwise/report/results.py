"""Results of a recipe over several seeds, as the JSON kept under `results/` and the table made from it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from pixelwise.errors import RunError
from pixelwise.report.record import in_steps, loss_function, losses_at, scores_of
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding

Json = dict[str, Any]


def collect(name: str, runs: Sequence[RunFolder]) -> Json:
    """One record for a recipe from finished runs of it; that they are of this recipe is the caller's to know.

    Raises RunError where a run is not finished or repeats a seed.
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
        "machine": sorted({f"{e['processor']}, {e['cores']} cores" for e in environments}),
        "versions": environments[0]["packages"],
        "device": first["choices"]["device"],
        "precision": sorted({setup["choices"]["precision"] for setup in setups}),
        "parameters": first["model"]["parameters"],
        "macs": first["model"]["macs"],
        "pictures": {split: record["pictures"] for split, record in first["data"]["splits"].items()},
        "seeds": seeds,
        "epochs": [summary["epochs"] for summary in summaries],
        "steps": [summary["steps"] for summary in summaries] if in_steps(first["recipe"]) else None,
        "best_epoch": [summary["best"]["epoch"] for summary in summaries],
        "chosen_by": summaries[0]["best"]["metric"],
        "minutes": [round(summary["seconds"]["total"] / 60, 2) for summary in summaries],
        "loss": loss_function(first["recipe"]),
        "losses": _losses([_losses_of(run, summary) for run, summary in zip(runs, summaries, strict=True)]),
        "scores": _scores(summaries),
    }


def without_seed(recipe: Mapping[str, Any]) -> Json:
    """What decides the runs that are counted together. The precision is the machine's choice; the record names it."""
    return deciding(recipe, "hardware", "train.seed")


def markdown_table(records: Sequence[Json], split: str, columns: Mapping[str, str]) -> str:
    """The records as a Markdown table: a row a recipe, a column a score (key → heading), mean ± sd over seeds.

    The losses of the best epoch follow where every record has them, of one loss function. Then what a course or a paper
    states of the split, where any of the recipes has such a number; the sources follow the table.
    """
    stated = [_stated(record, split) for record in records]
    beside = ["stated"] if any(stated) else []
    parts = ("train", "validation") if _share_a_loss(records) else ()
    losses = [f"{part} loss" for part in parts]
    head = [
        "recipe",
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
    for record, known in zip(records, stated, strict=True):
        scores = record["scores"][split]
        cells = [
            f"`{record['recipe']}`",
            *(_cell(scores.get(key)) for key in columns),
            *(_cell(record["losses"]["best"][part].get("loss")) for part in parts),
            *(
                "; ".join(f"{item['metric'].replace('_', ' ')} {item['value']}" for item in known) or "–"
                for _ in beside
            ),
            f"{record['parameters']:,}",
            f"{record['macs'] / 1e9:.3g}",
            _span(steps, ",.0f") + " steps" if (steps := record.get("steps")) else _span(record["epochs"], ".0f"),
            _span(record["minutes"], ".1f"),
            ", ".join(record["precision"]),
            str(len(record["seeds"])),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    sources = [
        f"- `{record['recipe']}`, stated: {item['what']} {item['value']} ({item['convention']}; {item['source']})"
        for record, known in zip(records, stated, strict=True)
        for item in known
    ]
    return "\n".join([*lines, *(["", *sources] if sources else [])]) + "\n"


def _share_a_loss(records: Sequence[Json]) -> bool:
    """Whether all have losses, of one function: others share no column. Older records have none."""
    return len({record.get("loss") for record in records}) == 1 and all(record.get("losses") for record in records)


def _stated(record: Json, split: str) -> list[Json]:
    return [item for item in record["stated"] if item.get("split") in (None, "", split)]


def _summary(run: RunFolder) -> Json:
    summary: Json = run.read("summary")
    if "splits" not in summary:
        raise RunError("has no final scores: was it interrupted?", where=str(run.path))
    return summary


def _scores(summaries: Sequence[Json]) -> Json:
    """split → key → mean, sd (n − 1) and value per seed; n is the number of pictures."""
    collected: Json = {}
    for split, record in summaries[0]["splits"].items():
        keys = [score.key for metric in record["metrics"] for score in scores_of(metric)]
        collected[split] = {key: _spread(summaries, split, key) for key in keys}
    return collected


def _spread(summaries: Sequence[Json], split: str, key: str) -> Json:
    values = [
        score.value
        for summary in summaries
        for metric in summary["splits"][split]["metrics"]
        for score in scores_of(metric)
        if score.key == key
    ]
    return {
        **_mean_and_sd(values),
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


def _cell(score: Json | None) -> str:
    if score is None or score["mean"] is None:
        return "–"
    return f"{score['mean']:.4f}" + (f" ± {score['sd']:.4f}" if score["sd"] is not None else "")


def _span(values: Sequence[float], form: str) -> str:
    low, high = min(values), max(values)
    return f"{low:{form}}" if f"{low:{form}}" == f"{high:{form}}" else f"{low:{form}}–{high:{form}}"
