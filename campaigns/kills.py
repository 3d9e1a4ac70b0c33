"""SIGKILL before and after every file operation of pixelwise, then a resume to the end: the same bytes, and no file left.

    python campaigns/kills.py --count 800 --seed 1

One process imports everything. Each case is a fork of it, which wraps `open` (for writing), `fsync`, `rename`, `replace`,
`unlink`, `mkdir` and `rmdir` and kills itself before or after the k-th of them inside the case's folder. Another fork then
resumes, and is killed too in most cases. What is left at the end is compared with what an undisturbed process
leaves: the names of all files, and the content of all but logs, without times. A sweep's and a search's trainings are forks as
well, in place of new interpreters; they are killed alone, together with their parent, or outlive it.

Plots are drawn by a stand-in that writes the same files, since drawing takes longer than all the rest.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch: no threads that a fork would lose

from killing import ForkedTraining, Kill, Operations, adopt_orphans, arm, end_orphans, ending, fork, note
from kinds import (
    OTHERS,
    TRAININGS,
    Kind,
    OfRun,
    Training,
    content,
    differences,
    import_all,
    place_of,
    warm,
    write_recipes,
)

MOST, AGAIN = 6, 0.8  # kills of a case, and the probability of one more


@dataclass
class Case:
    index: int
    kind: str
    kills: list[Kill]
    done: int = 0  # kills that came to pass
    starts: int = 0
    place: str = ""
    problem: str = ""
    differing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Campaign:
    def __init__(self, place: Path, seed: int, only: str = "") -> None:
        self.place, self.seed = place, seed
        self.kinds: dict[str, Kind] = {name: Training(name, place) for name in TRAININGS}
        self.kinds |= {name: kind(name, place) for name, kind in OTHERS.items()}
        self.references: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self.operations: dict[str, dict[str, list[tuple[str, str]]]] = {}  # kind → who → operations
        self.plans: dict[str, list[Kill]] = {}
        warm(torch=any("NumPy" not in name for name in self.kinds if not only or only in name))
        adopt_orphans()
        write_recipes(place)
        ForkedTraining.folder = place
        names = [name for name in self.kinds if not only or only in name]
        if any(issubclass(OTHERS.get(name, Kind), OfRun) for name in names):  # it adds to a run of that kind
            names = ["segment, torch", *(name for name in names if name != "segment, torch")]
        for name in names:
            self.observe(self.kinds[name])
        gc.freeze()
        self.kinds = {name: kind for name, kind in self.kinds.items() if name in names and (not only or only in name)}

    def start(self, kind: Kind, work: Callable[[], None], kill: Kill | None, watched: bool = False) -> int | None:
        def armed() -> None:
            operations = Operations(f"{kind.now}/", kill)
            if kill is not None or watched:
                ForkedTraining.armed = operations
                arm(operations)
            before = set(sys.modules)
            try:
                work()
            finally:
                if watched:
                    note(operations.seen, self.place / "operations-first.json")
                    note(sorted(set(sys.modules) - before), self.place / "modules.json")

        return ending(fork(armed, self.place / "log"))

    def observe(self, kind: Kind) -> None:
        """Run a kind twice without a kill: what it leaves, and the operations that it makes."""
        twice = []
        for _ in range(2):
            shutil.rmtree(kind.now, ignore_errors=True)
            kind.prepare()
            for file in self.place.glob("operations-*.json"):
                file.unlink()
            if code := self.start(kind, kind.begin, None, watched=True):
                raise SystemExit(f"{kind.name} ended with {code}:\n{(self.place / 'log').read_text()[-3000:]}")
            twice.append(content(kind.now))
            import_all(json.loads((self.place / "modules.json").read_text()))
        seen = {f.stem.removeprefix("operations-"): json.loads(f.read_text()) for f in self.place.glob("operations-*")}
        self.references[kind.name], self.operations[kind.name] = (twice[0], twice[1]), seen
        shutil.copytree(kind.now, self.place / "reference" / kind.name)
        kills = []
        for who, operations in seen.items():
            company = (False, True) if kind.trains else (False,)
            if kind.name == "search" and who != "first":
                company = (True,)  # a trial that dies alone has failed, as it should
            kills += [
                Kill(number, when, who, together)
                for number in range(1, len(operations) + 1)
                for when in ("before", "after")
                for together in company
            ]
        random.Random(f"{self.seed} {kind.name}").shuffle(kills)
        self.plans[kind.name] = kills

    def cases(self, first: int, count: int) -> Iterator[Case]:
        """Each kind in turn, each kill of its plan in turn."""
        names = list(self.kinds)
        for index in range(first, first + count):
            name = names[index % len(names)]
            plan = self.plans[name]
            kills = [plan[index // len(names) % len(plan)]]
            draw = random.Random(f"{self.seed} {index}")
            while len(kills) < MOST and draw.random() < AGAIN:  # the resume is killed too, which has fewer operations
                again = draw.choice(plan)
                kills.append(replace(again, operation=1 + int(again.operation * draw.random() ** 2)))
            yield Case(index, name, kills)

    def run(self, case: Case) -> None:
        """Kill, resume, and compare."""
        kind = self.kinds[case.kind]
        shutil.rmtree(kind.now, ignore_errors=True)
        (self.place / "log").unlink(missing_ok=True)
        kind.prepare()
        kills: list[Kill | None] = [*case.kills, None, None]  # two: a sweep whose training was killed has failed once
        for number, kill in enumerate(kills):
            code = self.start(kind, kind.again if number else kind.begin, kill)
            case.starts += 1
            case.done += code == -signal.SIGKILL or (kill is not None and kill.who != "first" and code == 1)
            if code == 0 and kill is None:
                break
            if code is None or code not in (0, 1, -signal.SIGKILL) or (kill is None and number == len(kills) - 1):
                case.problem = f"start {number + 1} ended with {code}: {(self.place / 'log').read_text()[-1500:]}"
                break
        if end_orphans() and not case.problem:
            case.problem = "a process was still running"
        operations = self.operations[case.kind][case.kills[0].who]
        case.place = place_of(*operations[case.kills[0].operation - 1])
        try:
            if not case.problem:
                case.differing, case.left = differences(content(kind.now), *self.references[case.kind])
        except (OSError, ValueError) as error:
            case.problem = f"{type(error).__name__}: {error}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=800, help="cases, each with one to six kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case: a campaign may be run in parts")
    parser.add_argument("--only", default="", help="a part of the names of the kinds to try")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    asked = parser.parse_args()
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(tempfile.gettempdir())
    place = Path(tempfile.mkdtemp(prefix="kills-", dir=base))
    before = json.loads(asked.out.read_text()) if asked.first and asked.out.exists() else None
    try:
        for part in run(asked, place):
            record = part if before is None else added(before, part)
            asked.out.write_text(json.dumps(record, indent=1) + "\n")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if record["problems"] else 0)


def added(before: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The record of an earlier part together with a later one."""
    counts = ("cases", "kills", "starts")
    kinds = {}
    for name, one in part["kinds"].items():
        earlier = before["kinds"].get(name, {})
        kinds[name] = {**one, **{key: earlier.get(key, 0) + one[key] for key in counts}}
        kinds[name]["first_kills"] = dict(Counter(earlier.get("first_kills", {})) + Counter(one["first_kills"]))
    sums = {key: before[key] + part[key] for key in (*counts, "files_that_differ", "files_left", "problems", "seconds")}
    commits = ", ".join(dict.fromkeys((*before["commit"].split(", "), part["commit"])))
    return {**part, **sums, "first": before["first"], "commit": commits, "kinds": kinds}


def run(asked: argparse.Namespace, place: Path) -> Iterator[dict[str, Any]]:
    """The record of the campaign so far, after every hundredth case and at the end."""
    began = time.monotonic()
    campaign = Campaign(place, asked.seed, asked.only)
    about = {"seed": asked.seed, "first": asked.first, "machine": machine(), "commit": commit()}
    kinds: dict[str, Counter[str]] = {name: Counter() for name in campaign.kinds}
    places: dict[str, Counter[str]] = {name: Counter() for name in campaign.kinds}
    totals: Counter[str] = Counter(cases=0, kills=0, starts=0, files_that_differ=0, files_left=0)
    problems: list[dict[str, Any]] = []
    print(f"prepared in {time.monotonic() - began:.1f} s", flush=True)
    for number, case in enumerate(campaign.cases(asked.first, asked.count), start=1):
        campaign.run(case)
        counts = {"cases": 1, "kills": case.done, "starts": case.starts}
        kinds[case.kind].update(counts)
        totals.update(counts, files_that_differ=len(case.differing), files_left=len(case.left))
        places[case.kind][case.place] += 1
        if case.problem or case.differing or case.left:
            problems.append({**vars(case), "kills": [vars(kill) for kill in case.kills]})
            print(json.dumps(problems[-1]), flush=True)
        if number % 100 and number != asked.count:
            continue
        seconds = round(time.monotonic() - began)
        print(f"{number} cases, {totals['kills']} kills, {len(problems)} problems, {seconds} s", flush=True)
        details = {
            name: {
                **counter,
                "operations": {who: len(seen) for who, seen in campaign.operations[name].items()},
                "first_kills": dict(sorted(places[name].items())),
            }
            for name, counter in kinds.items()
        }
        yield {**about, **totals, "seconds": seconds, "problems": problems, "kinds": details}


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    ).stdout.strip()


def machine() -> dict[str, Any]:
    from pixelwise.run.environment import cores, processor

    return {"processor": processor(), "cores": cores(), "python": sys.version.split()[0], "folder": "memory"}


if __name__ == "__main__":
    main()
