"""Time of `pixelwise data check` by number of pictures: it must grow with their number, not with its square.

    python benchmarks/data_check.py            # writes data_check.json beside this file

Drawn scenes of 32×32, each count in a separate process, and the 60,000 photographs of CIFAR-10 where it is in the data folder.
Times are of the processor, so that other work on the machine counts less.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from statistics import median

from child import memory, run_child
from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.checks import CHECKS
from pixelwise.data.checks.survey import survey
from pixelwise.run.environment import environment

COUNTS, ROUNDS = (2500, 5000, 10_000, 20_000), 1


def main() -> None:
    rounds = [{count: run_child(__file__, count) for count in COUNTS} for _ in range(ROUNDS)]
    counts = {
        count: {what: round(median(one[count][what] for one in rounds), 3) for what in rounds[0][count]}
        for count in COUNTS
    }
    few, many = COUNTS[0], COUNTS[-1]
    growth = {
        what: round(math.log(counts[many][what] / counts[few][what]) / math.log(many / few), 3)
        for what in ("read_s", "check_s", "total_s")
    }
    result = {
        "what": "processor seconds of `data check` by number of pictures (32×32), median",
        "read_s": "reading every picture once",
        "check_s": "the checks, of which the search for copies takes nearly all",
        "pictures": counts,
        "exponent": growth,
        "exponent_is": f"log(time ratio) / log(count ratio) from {few} to {many}: 1 is linear, 2 quadratic",
        "cifar10": run_child(__file__, 0) if (data_root() / "cifar-10-batches-py").is_dir() else None,
        "rounds": ROUNDS,
        "environment": environment() | {"command": ["python", "benchmarks/data_check.py"]},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps({"pictures": counts, "exponent": growth, "cifar10": result["cifar10"]}, indent=2))


def measure(count: int) -> None:
    """Check `count` drawn pictures; CIFAR-10 for 0."""
    if count:
        dataset = DATASETS.build("scenes", Path(), size=32, train=count, val=0, test=0)
    else:
        dataset = DATASETS.build("cifar10", data_root())
    wall, begun = time.perf_counter(), time.process_time()
    seen = survey(dataset)
    read = time.process_time() - begun
    findings = [finding for check in CHECKS for finding in check(seen)]
    total = time.process_time() - begun
    record = {"pictures": len(seen.facts), "findings": len(findings), "read_s": read, "check_s": total - read}
    print(json.dumps({**record, "total_s": total, "wall_s": time.perf_counter() - wall, "peak_mib": memory()["peak"]}))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        measure(int(sys.argv[1]))
