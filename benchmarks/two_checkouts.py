"""Is a change of the code slower? The same work by two checkouts, in turn, with an interval for the ratio.

    python benchmarks/two_checkouts.py OLD [NEW] [--pairs 9] [--only PART] [--out FILE]

Each side runs the scripts of its own checkout in its own processes. Only one process works at a time, and the order
changes from pair to pair. For each case the ratio NEW / OLD of the seconds of a pair is taken, by the clock and in
processor time, and reported as its median with the exact 95 % interval of a median (order statistics of the binomial
distribution: Hahn & Meeker 1991, section 5.2). Below 1 the new checkout is faster. Each case is written to
two_checkouts.json when it is done; cases of the same two commits that are there already stay.

Cases: training steps (training_speed, small_pictures), evaluation alone (evaluation_steps), a NumPy convolution
(scratch_conv), prediction of one large picture (prediction), and the time from the command to the first step.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from math import comb
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
Times = tuple[float, float]  # seconds by the clock, and of processor time

# name: (script, words after --serve, units of work in a turn)
SERVED = {
    "training: unet": ("training_speed.py", ("ours", "unet"), 1),
    "training: basic_fcn": ("training_speed.py", ("ours", "basic_fcn"), 1),
    "small pictures: resnet": ("small_pictures.py", ("ours-fp32", "resnet"), 6),
    "small pictures: pool_upsample_net": ("small_pictures.py", ("ours-fp32", "pool_upsample_net"), 6),
    "small pictures: conv_transpose_net": ("small_pictures.py", ("ours-fp32", "conv_transpose_net"), 6),
    "small pictures: colour_unet": ("small_pictures.py", ("ours-fp32", "colour_unet"), 6),
    "evaluation: unet": (str(HERE / "evaluation_steps.py"), ("unet",), 1),
    "evaluation: colour_unet": (str(HERE / "evaluation_steps.py"), ("colour_unet",), 1),
    "evaluation: scratch_fcn": (str(HERE / "evaluation_steps.py"), ("scratch_fcn",), 1),
}
CONVOLUTIONS = ("50×3×32×32 → 32, 3×3 (first layer)", "10×64×56×56 → 64, 3×3", "16×32×32×32 → 64, 5×5")
PREDICTIONS = ("tiles", "recipe size")


class Server:
    """A process of one checkout that does so many units of work for each line it reads."""

    def __init__(self, checkout: Path, script: str, words: tuple[str, ...]) -> None:
        command = [sys.executable, str(checkout / "benchmarks" / script), *words]
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(checkout), cwd=checkout
        )

    def ask(self, line: str) -> Times:
        """The seconds of one turn."""
        before, start = self._processor_seconds(), time.perf_counter()
        self.answer(line)
        return time.perf_counter() - start, self._processor_seconds() - before

    def answer(self, line: str) -> str:
        requests, answers = cast(IO[str], self.child.stdin), cast(IO[str], self.child.stdout)
        requests.write(line + "\n")
        requests.flush()
        if not (answer := answers.readline()):
            raise SystemExit(f"the process {self.child.args} ended; its error is above")
        return answer

    def close(self) -> None:
        cast(IO[str], self.child.stdin).close()
        self.child.wait()

    def _processor_seconds(self) -> float:
        """Of all threads of the process so far (Linux)."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_WAIT_POLICY": "PASSIVE"}


def served(
    old: Path, new: Path, script: str, words: tuple[str, ...], line: str, pairs: int
) -> list[tuple[Times, Times]]:
    """Turns of two processes that stay alive; two turns of each warm up."""
    sides = Server(old, script, words), Server(new, script, words)
    for side in sides:
        side.ask(line)
        side.ask(line)
    found = in_turn(lambda: sides[0].ask(line), lambda: sides[1].ask(line), pairs)
    for side in sides:
        side.close()
    return found


def in_turn(old: Callable[[], Times], new: Callable[[], Times], pairs: int) -> list[tuple[Times, Times]]:
    found = []
    for number in range(pairs):
        if number % 2:
            after, before = new(), old()
        else:
            before, after = old(), new()
        found.append((before, after))
    return found


def predicted(checkout: Path, way: str) -> Times:
    command = [sys.executable, str(checkout / "benchmarks" / "prediction.py"), way]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=environment(checkout), cwd=checkout
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures["seconds"], figures["processor_seconds"]


def first_step(checkout: Path, recipe: str, data: Path) -> Times:
    """From the command to the first step in the events, with a warm cache; the training is killed then."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "pixelwise", "train", recipe, "--out", str(run), "--data", str(data)]
        start = time.perf_counter()
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, start_new_session=True, env=environment(checkout), cwd=folder
        )
        events = run / "events.jsonl"
        while not events.is_file() or '"event": "step"' not in events.read_text():
            if child.poll() is not None:
                raise SystemExit(f"{checkout}: the training ended with {child.returncode} before its first step")
            time.sleep(0.002)
        seconds = time.perf_counter() - start
        os.killpg(child.pid, signal.SIGKILL)
        _, _, used = os.wait4(child.pid, 0)
        child.returncode = -signal.SIGKILL
    return seconds, used.ru_utime + used.ru_stime


def interval(ratios: list[float], coverage: float = 0.95) -> tuple[float, float]:
    """The narrowest pair of order statistics, equally far from both ends, that holds the median with this probability."""
    ordered, n = sorted(ratios), len(ratios)
    beyond, rank = 1 / 2**n, 0  # probability that the median lies below the smallest value
    while 2 * (beyond + comb(n, rank + 1) / 2**n) <= 1 - coverage:
        rank += 1
        beyond += comb(n, rank) / 2**n
    return ordered[rank], ordered[n - 1 - rank]


def summary(case: str, pairs: list[tuple[Times, Times]]) -> dict[str, Any]:
    record: dict[str, Any] = {"case": case, "pairs": len(pairs)}
    for column, name in enumerate(("seconds", "processor_seconds")):
        ratios = [after[column] / before[column] for before, after in pairs]
        low, high = interval(ratios)
        record[name] = {
            "old": round(median(before[column] for before, _ in pairs), 3),
            "new": round(median(after[column] for _, after in pairs), 3),
            "ratio": round(median(ratios), 3),
            "interval": [round(low, 3), round(high, 3)],
        }
    print(case, {name: (record[name]["ratio"], record[name]["interval"]) for name in ("seconds", "processor_seconds")})
    sys.stdout.flush()
    return record


def measure(old: Path, new: Path, pairs: int, only: str) -> Iterator[dict[str, Any]]:
    for case, (script, words, units) in SERVED.items():
        if only in case:
            yield summary(case, served(old, new, script, ("--serve", *words), str(units), pairs))
    for shape in CONVOLUTIONS:
        if only in (case := f"NumPy convolution: {shape}"):
            line = json.dumps({"case": shape, "seconds": 0.5})
            yield summary(case, worked(old, new, line, pairs))
    for way in PREDICTIONS:
        if only in (case := f"prediction: {way}"):
            yield summary(case, in_turn(lambda w=way: predicted(old, w), lambda w=way: predicted(new, w), pairs))
    if only in (case := "first step: quickstart"):
        with tempfile.TemporaryDirectory() as folder:
            homes = [Path(folder) / "old", Path(folder) / "new"]
            for checkout, home in zip((old, new), homes, strict=True):
                home.mkdir()
                first_step(checkout, "quickstart", home)
            sides = [
                lambda c=checkout, h=home: first_step(c, "quickstart", h)
                for checkout, home in zip((old, new), homes, strict=True)
            ]
            yield summary(case, in_turn(sides[0], sides[1], pairs))


def worked(old: Path, new: Path, line: str, pairs: int) -> list[tuple[Times, Times]]:
    """The NumPy convolution, whose workers say themselves how long a step took, in processor time."""
    words = ("--worker", "numpy", "--threads", "1")
    sides = Server(old, "scratch_conv.py", words), Server(new, "scratch_conv.py", words)

    def ask(side: Server) -> Times:
        seconds = float(json.loads(side.answer(line))["seconds"])
        return seconds, seconds

    for side in sides:
        ask(side)
    found = in_turn(lambda: ask(sides[0]), lambda: ask(sides[1]), pairs)
    for side in sides:
        side.close()
    return found


def commit(checkout: Path) -> str:
    words = ["git", "-C", str(checkout)]
    name = subprocess.run([*words, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*words, "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return name + (" with changes" if changed else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path, nargs="?", default=HERE.parent)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    old, new = options.old.resolve(), options.new.resolve()
    load = os.getloadavg()[0]

    from pixelwise.run.environment import environment as machine

    where = machine()
    where.pop("command")
    commits = {"old": commit(old), "new": commit(new)}
    known = json.loads(options.out.read_text()) if options.out.is_file() else {}
    results = {one["case"]: one for one in known.get("results", ())} if known.get("commits") == commits else {}
    for result in measure(old, new, options.pairs, options.only):
        results[result["case"]] = result
        report = {
            "what": "seconds of NEW / OLD, median of pairs with its 95 % interval",
            "commits": commits,
            "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
            "results": list(results.values()),
            "environment": where,
        }
        options.out.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
