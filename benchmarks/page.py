"""Write docs/speed.md from the JSON files beside this one: python benchmarks/page.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixelwise.run.atomic import write_text

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "speed.md"
HEAD = """\
# Speed

Made from `benchmarks/*.json` by `python benchmarks/page.py`; nothing here is typed by hand. Each script measures both sides
in turns on one machine and quotes ratios of medians: absolute times drift on shared machines, ratios much less.
"""


def main() -> None:
    sections = (training, small_pictures, hardware, confusion, memory, first_step, prediction, scratch)
    write_text(PAGE, "\n".join([HEAD, *(section() for section in sections)]))


def read(name: str) -> Any:
    file = HERE / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def section(title: str, name: str, body: str | None) -> str:
    if body is None:
        return f"## {title}\n\nNot run: `python benchmarks/{name}.py`.\n"
    where = read(name)["environment"]
    packages = where.get("packages", {})
    machine = (
        f"{where['processor']}, {where['cores']} cores, torch {packages.get('torch')}, NumPy {packages.get('numpy')}"
    )
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
        head = ["model", "plain, pictures/s", "its best number of workers", "ours, pictures/s", "ratio", "over rounds"]
        body = (
            f"VOC 2007 at {record['size']}×{record['size']}, batch {record['batch']}, fp32, AdamW, end to end. The plain way "
            "decodes with PIL in every epoch, keeps tensors contiguous, and has a DataLoader at its best number of workers.\n\n"
            + table(head, rows)
        )
    return section("Training", "training_speed", body)


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
            "its best number of workers",
            "ours in fp32",
            "ratio",
            "over rounds",
        ]
        head += ["`auto` picks", "ours with it", "ratio"]
        body = (
            "CIFAR-10, end to end through the engine's loader and update. The plain way is `torchvision.datasets.CIFAR10`, "
            "its transforms picture by picture (for colours: grey and nearest palette colour, in NumPy), and a DataLoader at "
            "its best number of workers; contiguous, fp32. The first ratio is at equal precision. "
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
        body = f"{sentence(record['what'])} Threads: {record['threads']}; rounds: {record['rounds']}.\n\n{table(head, rows)}"
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
            f"{record['pictures']} pictures of {record['size'][0]}×{record['size'][1]}, {record['classes']} classes.\n\n"
            + table(["pictures of", "ours", *others], rows)
        )
    return section("Confusion matrix", "confusion", body)


def memory() -> str:
    record = read("evaluation_memory")
    body = None
    if record:
        rows = []
        for name, case in record["cases"].items():
            (few, least), (many, most) = ((count, peak["peak_mib"]) for count, peak in case["pictures"].items())
            rows.append(
                [name, f"{least} ({few})", f"{most} ({many})", f"**{case['ratio']}**", case["before_evaluating_mib"]]
            )
        head = ["predictions", "peak, MiB (pictures)", "peak, MiB (pictures)", "ratio", "held before"]
        body = f"{sentence(record['what'])} Pictures of {record['pixels']}. Rounds: {record['rounds']}.\n\n{table(head, rows)}"
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
        body = f"{sentence(record['what'])} Rounds: {record['rounds']}.\n\n{table(head, rows)}"
    return section("From command to first training step", "first_step", body)


def prediction() -> str:
    record = read("prediction")
    body = None
    if record:
        keys = ("seconds", "processor_seconds", "memory_mib")
        rows = [[way, *(figures[key] for key in keys)] for way, figures in record["ways"].items()]
        ratios = [[name, f"**{value}**"] for name, value in record["ratios"].items()]
        model = ", ".join(f"{key} {value}" for key, value in record["model"].items())
        body = f"{sentence(record['what'])} Model: {model}. Rounds: {record['rounds']}.\n\n"
        body += table(["way", "seconds", "processor seconds", "MiB"], rows) + "\n" + table(["ratio", ""], ratios)
    return section("Prediction of a 4000×3000 picture", "prediction", body)


def scratch() -> str:
    return "## The NumPy network\n\nSee [a network by hand](scratch.md): its tables come from `benchmarks/scratch_conv.json`.\n"


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].removesuffix('.')}."


if __name__ == "__main__":
    main()
