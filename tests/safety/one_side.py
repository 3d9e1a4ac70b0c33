"""Run the cases with the pixelwise that this process imports, and write down what came out.

    PYTHONPATH=CHECKOUT/src python one_side.py FOLDER NAMES...     prints nothing; writes FOLDER/found.json

For each case: what is compared (`weights best`, `scores`, `report`, ...) → its text. Arrays and files are given by their
SHA-256, everything else in full, so that a difference can be shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from cases import CASES, Case, commands, draw_pictures

TEXT = (".json", ".html")
EVENT = ("event", "step", "epoch", "phase", "trainable", "losses", "train", "validation", "scores", "learning_rate")
EVENTS = {"phase", "step", "epoch", "saved", "finished"}
# Sections and words of a report that depend on the machine, the checkout and the time.
MOVING = (
    (re.compile(r'<section id="environment">.*?</section>', re.S), ""),
    (re.compile(r"<footer>.*?</footer>", re.S), ""),
    (re.compile(r"\d[\d.,]* (?:s|min|h)\b(?: \d+ (?:s|min)\b)?"), "TIME"),
    (re.compile(r"\d[\d.,]* (?:pictures|images)/s"), "SPEED"),
    (re.compile(r"data:image/[^\"')]+"), lambda found: "data:" + digest(found[0].encode())),
)


def main(folder: Path, names: Iterable[str]) -> None:
    draw_pictures(folder / "drawn")
    (folder / "data").mkdir()  # the data folder of all cases: `../drawn` is a path beside it, whichever case is first
    found = {}
    for name in names:
        place = folder / name.replace(" ", "-")
        place.mkdir()
        start = time.perf_counter()
        with contextlib.chdir(place):
            found[name] = _case(CASES[name])
        print(f"{name:24} {time.perf_counter() - start:5.1f} s", file=sys.stderr, flush=True)
    (folder / "found.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))


def _case(case: Case) -> dict[str, str]:
    """Run the commands of a case in this folder; all that came out."""
    from pixelwise.cli import app

    found = {}
    for what, words in commands(case):
        os.environ["OMP_NUM_THREADS"] = "1"
        with open("log.txt", "a") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                app(words)
                code: object = 0
            except SystemExit as end:
                code = end.code or 0
            except Exception:
                code = traceback.format_exc(limit=-4)
        if code:
            found[f"{what} failed"] = f"{code}: {Path('log.txt').read_text()[-800:]}"
    return found | dict(outcome(Path("run"))) | dict(predicted(Path()))


def outcome(run: Path) -> Iterator[tuple[str, str]]:
    """Of a run folder: weights, scores, events, kept pictures and page."""
    for which, part in (("best", "model"), ("last", "model"), ("last", "optimizer")):
        for file in run.glob(f"{which}/{part}-*.safetensors"):
            yield (f"weights {which}" if part == "model" else "optimizer"), tensors(file)
    if (run / "summary.json").is_file():
        summary = json.loads((run / "summary.json").read_text())
        yield "chosen", plain({name: summary[name] for name in ("finished", "epochs", "steps", "best")})
        for split, record in summary["splits"].items():
            yield f"scores {split}", scores(record)
            yield f"figures {split}", plain([metric.get("figures") for metric in record["metrics"]])
    if (run / "events.jsonl").is_file():
        yield "events", "\n".join(events(run / "events.jsonl"))
    for file in sorted(run.glob("evaluations/*.json")):
        yield f"evaluated {file.stem}", scores(json.loads(file.read_text()))
    for file in sorted([*run.glob("predictions/*.npz"), *run.glob("evaluations/*.npz")]):
        yield f"states {file.stem}", arrays(file)
    if (run / "predictions").is_dir():
        yield "kept pictures", files(run / "predictions")
    if (run / "report.html").is_file():
        yield "report", report((run / "report.html").read_text())
        yield "plots", files(run / "plots")


def predicted(place: Path) -> Iterator[tuple[str, str]]:
    """What `pixelwise predict` wrote."""
    for folder in ("predicted", "tiles"):
        if (place / folder).is_dir():
            yield folder, files(place / folder)


def scores(record: dict[str, Any]) -> str:
    """Losses, and the value and support of every score, also of a constant guess, by its key."""
    values = {}
    for metric in record["metrics"]:
        for score in metric["scores"]:
            values[score["key"]] = [score["value"], score["support"]]
        values[f"constant guess of {metric['name']}"] = metric.get("constant_guess")
        values[f"classes of {metric['name']}"] = metric.get("per_class")
    head = {name: record[name] for name in ("resolution", "pictures", "losses") if name in record}
    return plain({**head, "scores": values})


def events(file: Path) -> Iterator[str]:
    """The events of a training without its times."""
    for line in file.read_text().splitlines():
        event = json.loads(line)
        if event["event"] in EVENTS:
            yield json.dumps({name: event[name] for name in EVENT if name in event}, ensure_ascii=False)


def report(text: str) -> str:
    """A page, one tag a line, without what changes from minute to minute; pictures by their digest."""
    for pattern, put in MOVING:
        text = pattern.sub(put, text)
    text = re.sub(r"<style>.*?</style>", lambda found: f"<style>{digest(found[0].encode())}</style>", text, flags=re.S)
    return re.sub(r"\n+", "\n", text.replace("<", "\n<"))


def tensors(file: Path) -> str:
    """A digest of names, types, shapes and bytes, whatever the order in the file."""
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    head = {name: entry for name, entry in json.loads(content[8 : 8 + size]).items() if name != "__metadata__"}
    sums = [
        (name, entry["dtype"], entry["shape"], digest(content[8 + size :][slice(*entry["data_offsets"])]))
        for name, entry in sorted(head.items())
    ]
    return digest(json.dumps(sums).encode())


def arrays(file: Path) -> str:
    with np.load(file) as content:
        return plain({name: [str(a.dtype), a.shape, digest(a.tobytes())] for name, a in sorted(content.items())})


def files(folder: Path) -> str:
    """Every file of a folder: a picture by its digest, JSON in full; states have their own entry."""
    lines = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".npz":
            text = plain(json.loads(file.read_text())) if file.suffix == ".json" else digest(file.read_bytes())
            lines.append(f"{file.relative_to(folder)} {text}")
    return "\n".join(lines)


def plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=0)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
