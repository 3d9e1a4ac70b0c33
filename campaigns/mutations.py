"""Thousands of damaged run folders, read by every command that reads one: what both campaigns of mutations share."""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from forked import call, run_forked, watch_writes

ROOT = Path(__file__).resolve().parent.parent
OLD = ROOT / "tests" / "safety" / "runs-0.1"
SECONDS = 10.0  # of one command
TOGETHER = 20  # cases of one fork: a fork of so large a process costs more than a case
TINY = (
    *("data.dataset={name: scenes, size: 32, train: 8, val: 4, test: 2, void_rim: 1}", "train.batch=4", "gallery=1"),
    *("train.phases=[{epochs: 2}]", "hardware.threads=1"),
)
CPU = ("hardware.device=cpu", "hardware.precision=fp32")
NEW = {  # run → the recipe and what it is trained with
    "segment": ("quickstart", *TINY, *CPU, "model={name: unet, width: 2, depth: 1}", "data.test=test"),
    "labels": ("quickstart", *TINY, *CPU, "task=classify", "model={name: whitened_cnn, width: 1}"),
    "colours": (
        *("scenes/colourize", *TINY, *CPU, "task={name: colourize, colours: 4}"),
        "model={name: colour_unet, num_filters: 2}",
    ),
    "scratch": ("scenes/scratch_fcn", *TINY, "model={name: fcn, width: 2, depth: 1}"),
    "scratch-labels": (
        *("scenes/scratch_fcn", *TINY, "task={name: classify, mean: image, std: null}", "loss=cross_entropy"),
        *("model={name: conv_pool, width: 2, kernel: 3}", "metrics=[accuracy]", "train.best=accuracy"),
        "train.optimizer={name: sgd, learning_rate: 0.001, momentum: 0.9}",
    ),
}
PAIRS = {
    "old-segment": "scratch",
    "old-scratch": "segment",
    "segment": "scratch",
    "begun": "scratch",
    "scratch": "segment",
}
DRAWN = (
    "events.jsonl",
    "summary.json",
    "setup.json",
    "sweep.json",
    "trials.json",
    "recipe.yaml",
)  # what plots are drawn of
READ_BY = {  # a file, or the folder that it lies in → the commands that read it
    "recipe.yaml": ("report", "compare", "predict", "evaluate", "train"),
    "setup.json": ("report", "compare", "predict", "evaluate", "train"),
    "summary.json": ("report", "compare"),
    "environment.json": ("report", "train"),
    "events.jsonl": ("report", "compare", "train"),
    "predictions": ("report", "compare"),
    "evaluations": ("report", "compare", "evaluate"),
    "plots": ("report",),
    "report.html": ("report",),
    "best": ("predict", "evaluate", "train"),
    "last": ("predict", "evaluate", "train"),
}
QUICK = {"draw": False, "whole": False}
DOCUMENTED = {"sweep": {0, 1, 2}, "search": {0, 1, 2}}  # exit codes; 1: a run or every trial failed


def must(words: list[str]) -> None:
    code, said = call(words)
    if code != 0:
        raise SystemExit(f"{' '.join(words)} ended with {code}:\n{said}")


def make_folders(base: Path, data: Path, *, experiments: bool, old_only: bool) -> list[tuple[str, Path]]:
    """(kind, folder) of sound runs, of version 0.1 and made now, one of them interrupted; of a sweep and a search."""
    from pixelwise.engine.train import train
    from pixelwise.recipe.load import load_recipe
    from pixelwise.run.events import Saved

    folders = []
    for old in sorted(path for path in OLD.iterdir() if path.is_dir()):
        shutil.copytree(old, base / f"old-{old.name}" / "run")
        folders.append(("run", base / f"old-{old.name}" / "run"))
    if old_only:
        return folders
    for name, words in NEW.items():
        run = base / name / "run"
        must(["train", *words, "--out", str(run), "--data", str(data)])
        must(["evaluate", str(run), "--data", str(data), *(["--device", "cpu"])])
        folders.append(("run", run))
    recipe = load_recipe("quickstart", (*NEW["segment"][1:], "train.checkpoint_steps=1"))
    saved = 0
    for event in train(recipe, base / "begun" / "run", data=data):
        saved += isinstance(event, Saved)
        if saved == 3:
            break
    folders.append(("run", base / "begun" / "run"))
    if experiments:
        words = [*NEW["segment"], "--data", str(data), "--out"]
        must(["sweep", *words[:1], "train.seed=0,1", *words[1:], str(base / "sweep" / "sweep")])
        folders.append(("sweep", base / "sweep" / "sweep"))
        tried = [*words[:1], "train.optimizer.learning_rate=log(1e-4,1e-1)", "--trials", "2", *words[1:]]
        must(["search", *tried, str(base / "search" / "search")])
        folders.append(("search", base / "search" / "search"))
    return folders


def commands(kind: str, name: str, folder: Path, case: Path, data: Path, picture: Path) -> Iterator[list[str]]:
    """What reads a folder of that kind and name. Nothing is trained but what an interrupted run lacks."""
    on = ["--data", str(data)]
    if kind == "sweep":
        yield ["compare", str(folder), "--json"]
        yield ["sweep", "--resume", str(folder), *on]
    elif kind == "search":
        yield ["search", "--resume", str(folder), *on]
    else:
        yield ["report", str(folder)]
        beside = [str(OLD / PAIRS[name])] if name in PAIRS else []
        yield ["compare", str(folder), *beside, "--html", str(case / "out" / "compare.html")]
        yield ["predict", str(folder), str(picture), "--out", str(case / "out"), "--device", "cpu", "--overwrite"]
        yield ["evaluate", str(folder), *on, "--device", "cpu"]
        yield ["train", "--resume", str(folder), *on]


def quicken() -> None:
    """Leave out what damage cannot change and takes the most time: flushes, pixels of plots, most draws, trainings."""
    from functools import partial

    from pixelwise.compare import page as compare_page
    from pixelwise.compare import runs as compared
    from pixelwise.engine import evaluate, setup, train
    from pixelwise.experiments import page as experiment_page
    from pixelwise.experiments import runner
    from pixelwise.report import page, plotting

    def draw_only(name: str, title: str, draw: Any, folder: Path) -> Any:
        if not QUICK["draw"]:
            return plotting.Plot(name, title, "", "")
        if QUICK["whole"]:
            return whole(name, title, draw, folder)
        with plotting.style():
            draw(plotting.WIDE)
        plotting.write_bytes(folder / f"{name}.svg", b"")
        return plotting.Plot(name, title, "", "")

    whole = plotting.render
    os.fsync = lambda descriptor: None
    runner.train_command = lambda folder, name, data, *, resume: [sys.executable, "-S", "-c", "raise SystemExit(2)"]
    for module in (setup, evaluate, train):
        module.environment = _once(module.environment)  # type: ignore[attr-defined]
    page.template = cache(page.template)
    for module in (compare_page, experiment_page):
        module.template = page.template  # type: ignore[attr-defined]
    compared.judge = partial(compared.judge, draws=20)
    for module in (page, compare_page, experiment_page):
        module.render = draw_only  # type: ignore[attr-defined]


def _once(environment: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The function, asked once for each set of packages that a record names."""
    kept = cache(environment)
    return lambda recorded=(): kept(tuple(recorded))


def run_case(
    number: int,
    seed: int,
    folders: list[tuple[str, Path]],
    damage: Callable[[Path, Path, random.Random], str],
    work: Path,
    data: Path,
    picture: Path,
) -> dict[str, Any]:
    """Damage a copy of one of the folders and let every command read it, in this process."""
    draw = random.Random(f"{seed}-{number}")
    kind, sound = draw.choice(folders)
    case = work / f"case-{number}"
    folder, outside = case / sound.name, case / "outside"
    watch_writes([Path("/")])
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(sound, folder)
    (case / "out").mkdir()
    outside.mkdir()
    (outside / "secret").write_text("a secret\n")
    what = damage(folder, outside, draw)
    before = contents(outside)
    plots = what.startswith(DRAWN) and draw.random() < 0.5
    whole = plots and draw.random() < 0.1
    asked = list(commands(kind, sound.parent.name, folder, case, data, picture))
    if kind == "run":
        asked = [words for words in asked if words[0] in reading(what)]
        if what.startswith("best/") and not (folder / "last").is_dir():  # it is trained from its beginning
            asked = [words for words in asked if words[0] != "train"]
        if what.startswith("last/"):
            asked = [
                [*words, *(["--checkpoint", "last"] if words[0] in ("predict", "evaluate") else [])] for words in asked
            ]
    found = []
    wrote = watch_writes([folder, case / "out", data])
    for words in asked:
        QUICK.update(draw=plots and words[0] != "train", whole=whole)
        begun = time.process_time()
        code, said = call(words)
        took = time.process_time() - begun
        found.append(judged(words[0], code if took < SECONDS else "hang", said, []))
    if wrote:
        found.append(judged("any", "written outside", "", list(wrote)))
    watch_writes([Path("/")])
    if contents(outside) != before:
        found.append(judged("any", "outside changed", "", []))
    shutil.rmtree(case, ignore_errors=True)
    return {"number": number, "folder": sound.parent.name, "what": what, "found": found}


def run_cases(numbers: list[int], one: Callable[[int], dict[str, Any]]) -> list[dict[str, Any]]:
    """Run cases in one fork. If the fork crashes or hangs, run each case in its own fork to find out which one it was."""
    value, ended = run_forked(lambda: [one(number) for number in numbers], seconds=5 * SECONDS)
    if ended is None:
        return list(value["value"])
    if len(numbers) == 1:
        return [{"number": numbers[0], "folder": "", "what": "", "found": [judged("any", ended.code, ended.said, [])]}]
    return [case for number in numbers for case in run_cases([number], one)]


def reading(what: str) -> tuple[str, ...]:
    """The commands that read the damaged file of a run. Now and then all of them, also those that should not look at it."""
    name = what.partition(":")[0]
    if zlib.crc32(what.encode("utf-8", "replace")) % 20 == 0:
        return ("report", "compare", "predict", "evaluate", "train")
    return next((some for start, some in READ_BY.items() if name.startswith(start)), tuple(READ_BY["recipe.yaml"]))


def judged(command: str, code: Any, said: str, outside: list[str]) -> dict[str, Any]:
    """Whether a command ended as it should: an exit code that is documented, no traceback, no secret, and at most one line."""
    lines = [line for line in said.splitlines() if line.startswith("error:") or line.rstrip().endswith(" errors:")]
    wrong = code not in DOCUMENTED.get(command, {0, 2}) or "Traceback" in said or "a secret" in said
    return {
        "command": command,
        "code": code,
        "wrong": wrong or len(lines) > 1,
        "said": said[-3000:],
        "outside": outside,
    }


def contents(folder: Path) -> dict[str, Any]:
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else os.lstat(path).st_mode
        for path in sorted(folder.rglob("*"))
    }


def campaign(script: str, what: str, damage: Callable[[Path, Path, random.Random], str], experiments: bool) -> None:
    """Run a campaign from the command line, and keep its counts as JSON beside its script."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--old", action="store_true", help="only the committed runs of version 0.1: nothing is trained first"
    )
    parser.add_argument("--only", type=int, help="run this one case and show what its commands said")
    parser.add_argument("--out", type=Path, default=Path(script).with_suffix(".json"))
    asked = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="campaign-") as place:
        work, data = Path(place), Path(place) / "data"
        folders, picture = prepare(work, data, experiments, asked.old)
        numbers = [asked.only] if asked.only is not None else range(asked.count)
        cases = list(in_workers(numbers, 1 if asked.only is not None else asked.jobs, work, lambda number: run_case(
            number, asked.seed, folders, damage, work, data, picture
        )))  # fmt: skip
    if asked.only is not None:
        print(json.dumps(cases, indent=2, ensure_ascii=False).replace("\\n", "\n"))
        return
    report(cases, what, asked, time.monotonic() - begun)


def prepare(work: Path, data: Path, experiments: bool, old_only: bool) -> tuple[list[tuple[str, Path]], Path]:
    """The sound folders and a picture; afterwards this process has imported everything that a command needs."""
    import numpy as np

    from pixelwise.imaging.files import write_image

    picture = work / "picture.png"
    write_image(picture, np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8))
    folders = make_folders(work / "base", data, experiments=experiments, old_only=old_only)
    os.environ["MPLCONFIGDIR"] = str(work / "matplotlib")
    import matplotlib.figure

    matplotlib.get_configdir()
    matplotlib.get_cachedir()
    quicken()
    case = work / "sound"
    for kind, sound in folders:
        folder = case / sound.parent.name / sound.name
        shutil.copytree(sound, folder)
        (case / "out").mkdir(exist_ok=True)
        for words in commands(kind, sound.parent.name, folder, case, data, picture):
            must(words)
    gc.collect()
    gc.freeze()
    gc.disable()
    return folders, picture


def in_workers(numbers: Any, jobs: int, work: Path, one: Callable[[int], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The cases of all numbers, computed by so many forks of this process."""
    numbers, workers = list(numbers), []
    for job in range(jobs):
        if (child := os.fork()) == 0:
            code = 1
            try:
                with open(work / f"cases-{job}.jsonl", "w", encoding="utf-8") as file:
                    own = numbers[job::jobs]
                    for start in range(0, len(own), TOGETHER):
                        for case in run_cases(own[start : start + TOGETHER], one):
                            file.write(json.dumps(case) + "\n")
                        file.flush()
                code = 0
            finally:
                os._exit(code)
        workers.append(child)
    for child in workers:
        os.waitpid(child, 0)
    for job in range(jobs):
        yield from map(json.loads, (work / f"cases-{job}.jsonl").read_text(encoding="utf-8").splitlines())


def report(cases: list[dict[str, Any]], what: str, asked: Any, seconds: float) -> None:
    """Counts by command and exit code, and what was wrong; kept as JSON."""
    from pixelwise.run.environment import environment

    codes = Counter((one["command"], str(one["code"])) for case in cases for one in case["found"])
    wrong = [(case, one) for case in cases for one in case["found"] if one["wrong"]]
    where = environment()
    where.pop("command")
    record = {
        "what": what,
        "seed": asked.seed,
        "asked": asked.count,
        "cases": len(cases),
        "seconds": round(seconds),
        "damage": dict(Counter(case["what"].partition(":")[0].partition("/")[0] for case in cases).most_common(40)),
        "exit codes": {
            command: {c: n for (k, c), n in sorted(codes.items()) if k == command} for command, _ in sorted(codes)
        },
        "tracebacks": sum(one["code"] == "traceback" or "Traceback" in one["said"] for _, one in wrong),
        "hangs": sum(one["code"] in ("hang", "SIGXCPU") for _, one in wrong),
        "written outside": sum(one["code"] in ("written outside", "outside changed") for _, one in wrong),
        "wrong": len(wrong),
        "environment": where,
    }
    asked.out.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for case, one in wrong[:400]:
        last = (one["said"].strip().splitlines() or [""])[-1][:200]
        print(
            f"{case['number']} {case['folder']} {case['what']} | {one['command']} {one['code']} {one['outside'][:2]} {last}"
        )
    print(json.dumps({key: value for key, value in record.items() if key not in ("environment", "damage")}, indent=1))
    sys.exit(1 if wrong or len(cases) < asked.count else 0)
