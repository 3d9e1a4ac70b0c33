"""Write docs/speed.md from the JSON files beside this one: python benchmarks/page.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixelwise.recipe.load import load_recipe
from pixelwise.run.atomic import write_text
from pixelwise.run.environment import machine_of

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "speed.md"
AIM = 1.5  # of transfer training, against a tutorial's loop
HEAD = """\
# Speed

How fast pixelwise trains, scores and predicts, compared with a plain program that uses the same libraries. `python
benchmarks/page.py` writes this page from `benchmarks/*.json`. Below each table is the script that measured it; you can run
it on your machine.

Each script measures both programs in turns on one machine. The tables state medians over rounds, and ratios of medians. On
a shared machine, times change from hour to hour, but ratios change much less. A bold ratio above 1 means that pixelwise is
faster, unless the text says otherwise. "Over rounds" is the smallest and the largest ratio of a single round.
"""


def main() -> None:
    sections = (training, transfer, small_pictures, hardware, confusion, memory, first_step, prediction, scratch)
    write_text(PAGE, "\n".join([HEAD, *(section() for section in sections)]))


def read(name: str) -> Any:
    file = HERE / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def section(title: str, name: str, body: str | None) -> str:
    if body is None:
        return f"## {title}\n\nNot run: `python benchmarks/{name}.py`.\n"
    where = read(name)["environment"]
    packages = where.get("packages", {})
    machine = f"{machine_of(where)}, torch {packages.get('torch')}, NumPy {packages.get('numpy')}"
    return f"## {title}\n\n{body}\n`python benchmarks/{name}.py`; {machine}; commit {where['commit']}.\n"


def table(head: list[str], rows: list[list[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def training() -> str:
    record = read("training_speed")
    body = None
    if record:
        rows = []
        for result in record["results"]:
            model, rate = result["model"], result["pictures_per_second"]
            options = ", ".join(f"{k} {v}" for k, v in model.items() if k != "name" and v is not None)
            low, high = result["ratio_min_max"]
            best = result["plain_best"]
            speeds = [rate[best], best.removeprefix("plain-"), rate["ours"]]
            rows.append([f"`{model['name']}` {options}", *speeds, f"**{result['ratio']}**", f"{low}–{high}"])
        head = ["model", "plain, pictures/s", "with workers", "pixelwise, pictures/s", "ratio", "over rounds"]
        body = (
            f"VOC 2007 at {record['size']}×{record['size']}, batch {record['batch']}, fp32, AdamW. The time includes "
            f"loading. The "
            "plain program decodes pictures with PIL in every epoch, uses contiguous tensors, and a DataLoader with the "
            "number "
            "of workers that was fastest.\n\n" + table(head, rows)
        )
    return section("Training", "training_speed", body)


def transfer() -> str:
    record = read("transfer_training")
    body = None
    if record:
        names = {"plain": "the same model, plain PyTorch", "smp": "segmentation_models_pytorch, its own FPN"}
        learns = {"frozen": "the new layers", "all": "all layers"}
        rows, missed = [], []
        for result in record["results"]:
            rate = result["pictures_per_second"]
            for kind, gmacs in record["gmacs"].items():
                best = result[f"{kind}_best"]
                speeds = [rate[best], best.partition("-")[2], rate["ours"]]
                ratio = result[f"ours_is_faster_than_{kind}_by"]
                pairs = zip(result["seconds"][best], result["seconds"]["ours"], strict=True)
                ratios = [its / ours for its, ours in pairs]
                over = f"{min(ratios):.3f}–{max(ratios):.3f}"
                rows.append([names[kind], gmacs, learns[result["case"]], *speeds, f"**{ratio}**", over])
                if ratio < AIM:
                    missed.append(f"{learns[result['case']]} against {names[kind]} ({ratio})")
        head = ["compared with", "its multiply-adds, billion", "what learns", "its pictures/s", "with workers"]
        body = (
            f"`fpn` on EfficientNet-Lite0, Stanford Background at {record['size']}×{record['size']}, batch "
            f"{record['batch']}, {record['precision']}. The time includes loading. The plain program has timm's encoder under "
            "the same pyramid. segmentation_models_pytorch trains as in its example, with the same encoder; its decoder is "
            "another one and costs more, so that row compares two programs, not equal work. Both decode pictures with PIL in "
            "every epoch, use contiguous tensors, and a DataLoader with the number of workers that was fastest.\n\n"
            + table([*head, "pixelwise, pictures/s", "ratio", "over rounds"], rows)
            + whole_recipe(record)
            + (f"\nThe aim is a ratio of {AIM}. It is missed for {'; '.join(missed)}.\n" if missed else "")
        )
    return section("Transfer learning", "transfer_training", body)


def whole_recipe(record: Any) -> str:
    """What the rates of the two cases give for the recipe's phases, the first of which trains the new layers."""
    phases = load_recipe(record["recipe"]).train.phases
    epochs = {case: phase.epochs or 0 for case, phase in zip(("frozen", "all"), phases, strict=True)}
    rates = {result["case"]: (result["pictures_per_second"], result["plain_best"]) for result in record["results"]}
    ours = sum(epochs[case] / rate["ours"] for case, (rate, _) in rates.items())
    plain = sum(epochs[case] / rate[best] for case, (rate, best) in rates.items())
    return (
        f"\nThe recipe `{record['recipe']}` has {epochs['frozen']} epochs of the new layers and {epochs['all']} of all layers. "
        f"At these rates its epochs take {plain / ours:.3g} times less time than in plain PyTorch.\n"
    )


def small_pictures() -> str:
    record = read("small_pictures")
    body = None
    if record:
        rows = []
        for result in record["results"]:
            model, rate, ratio = result["model"], result["pictures_per_second"], result["ratio"]
            options = ", ".join(f"{k} {v}" for k, v in model.items() if k != "name" and v is not None)
            best = result["plain_best"]
            low, high = result["ratio_min_max"]["ours-fp32"]
            row = [f"`{model['name']}` {options}", result["batch"], rate[best], best.removeprefix("plain-")]
            row += [rate["ours-fp32"], f"**{ratio['ours-fp32']}**", f"{low}–{high}"]
            rows.append([*row, result["auto"], rate["ours-auto"], ratio["ours-auto"]])
        head = [
            "model",
            "batch",
            "plain, pictures/s",
            "with workers",
            "pixelwise in fp32",
            "ratio",
            "over rounds",
        ]
        head += ["`precision: auto`", "pixelwise with it", "ratio"]
        body = (
            "CIFAR-10; the time includes loading. The plain program uses `torchvision.datasets.CIFAR10`, transforms for each "
            "picture (for colours: grey and nearest palette colour, in NumPy), contiguous tensors in fp32, and a "
            "DataLoader with "
            "the number of workers that was fastest. The first ratio is at equal precision. The last columns are with the "
            "precision that pixelwise chooses on this machine. "
            f"Threads: {record['results'][0]['threads']}; rounds: {record['rounds']}.\n\n{table(head, rows)}"
        )
    return section("Training on small pictures", "small_pictures", body)


def hardware() -> str:
    record = read("hardware")
    body = None
    if record:
        ways = list(record["results"][0]["times_plain"])
        rows = [
            [f"`{result['model']}`", result["pictures_per_second"]["plain"]]
            + [result["times_plain"].get(way, "left out") for way in ways[1:]]
            for result in record["results"]
        ]
        head = ["model", "plain, pictures/s", *(f"{way}, times plain" for way in ways[1:])]
        body = (
            "pixelwise chooses the memory layout, the allocator and the precision of a training. The table adds one "
            "choice after "
            "the other, and states how many times as fast as plain PyTorch the training steps are. Loading is not included. "
            f"Threads: {record['threads']}; rounds: {record['rounds']}.\n\n{table(head, rows)}"
        )
    return section("Layout, allocator and precision", "hardware", body)


def confusion() -> str:
    record = read("confusion")
    body = None
    if record:
        rows = []
        for content, result in record["contents"].items():
            ratios = result["ours_is_faster_by"]
            rows.append(
                [content, f"{result['seconds']['pixelwise'] * 1e3:.0f} ms", *(f"{r} ×" for r in ratios.values())]
            )
        others = [f"faster than {name}" for name in next(iter(record["contents"].values()))["ours_is_faster_by"]]
        body = (
            f"{record['pictures']} pictures of {record['size'][0]}×{record['size'][1]}, {record['classes']} classes. "
            f"`regions` are "
            "class maps as networks predict them. In `noise` no two neighbours are equal, which is the slowest case.\n\n"
            + table(["content", "pixelwise", *others], rows)
        )
    return section("Confusion matrix", "confusion", body)


def memory() -> str:
    record = read("evaluation_memory")
    body = None
    if record:
        rows = []
        for name, case in record["cases"].items():
            (few, least), (many, most) = ((count, peak["peak_mib"]) for count, peak in case["pictures"].items())
            peaks = [f"{least} ({few})", f"{most} ({many})", f"**{case['ratio']}**"]
            rows.append([name, *peaks, case["before_evaluating_mib"], case["rounds"], case["commit"]])
        head = ["predictions", "peak, MiB (few pictures)", "peak, MiB (many)", "ratio", "before the evaluation"]
        head += ["rounds", "commit"]
        body = (
            "The largest memory of a process (VmHWM, in MiB) that evaluates a few or many pictures. A ratio near 1 means "
            "that the "
            f"memory does not grow with the number of pictures, which is in brackets. The pictures have "
            f"{record['pixels']} pixels.\n\n{table(head, rows)}"
        )
    return section("Memory of an evaluation", "evaluation_memory", body)


def first_step() -> str:
    record = read("first_step")
    body = None
    if record:
        states = ("cold", "warm", "import torch")
        rows = [
            [f"`{name}`", *(times["seconds"][state] for state in states)] for name, times in record["recipes"].items()
        ]
        head = ["recipe", "cold cache", "warm cache", "`import torch` alone"]
        body = (
            "Seconds from the command to the first training step. With a cold cache, pictures are decoded and resized "
            "first, and "
            f"bf16 is tried. Rounds: {record['rounds']}.\n\n{table(head, rows)}"
        )
    return section("From command to first training step", "first_step", body)


def prediction() -> str:
    record = read("prediction")
    body = None
    if record:
        keys = ("seconds", "processor_seconds", "memory_mib")
        rows = [[way, *(figures[key] for key in keys)] for way, figures in record["ways"].items()]
        ratios = [[name, f"**{value}**"] for name, value in record["ratios"].items()]
        model = ", ".join(f"{key} {value}" for key, value in record["model"].items())
        body = (
            "Seconds to label one picture, and the memory that this takes in addition (MiB). `plain whole` is plain "
            "PyTorch, which "
            "computes the picture in one piece. The others are pixelwise: `whole` in one piece, `tiles` with `--scale "
            "own` (tiles "
            "of 512 pixels), `recipe size` without options, at 224×224. Processor seconds are added over all threads. In "
            "the second "
            f"table a ratio below 1 means that the first way takes less. Model: {model}. Rounds: {record['rounds']}.\n\n"
        )
        body += table(["way", "seconds", "processor seconds", "MiB"], rows) + "\n" + table(["ratio", ""], ratios)
    return section("Prediction of a 4000×3000 picture", "prediction", body)


def scratch() -> str:
    link = "[The network by hand](scratch.md#measured)"
    return f"## The NumPy network\n\n{link} has the speed of the NumPy network, compared with PyTorch.\n"


if __name__ == "__main__":
    main()
