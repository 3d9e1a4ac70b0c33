"""How fast is the NumPy convolution? Forward and backward against PyTorch, ten shapes, one and two threads.

    python benchmarks/scratch_conv.py                  # about six minutes; writes benchmarks/scratch_conv.json
    python benchmarks/scratch_conv.py --rounds 5       # shorter
    python benchmarks/scratch_conv.py --pooling        # pooling alone, put into the JSON that is there

NumPy and PyTorch run in separate processes, because their thread pools would wait for each other in one. All processes
stay alive and take turns, a fraction of a second each, round after round in changing order; what is compared is the
time of the same round, and what is reported is the median over the rounds. With one thread it is processor time, which
does not count how long other programs were running instead; with two it has to be time on the clock, and figures made
on a machine that others use at the same time (see the load in the JSON) are then worth little.

Where the processor has AVX-512 and NumPy's OpenBLAS does not recognise it, NumPy runs a second time with
OPENBLAS_CORETYPE=SkylakeX, which makes OpenBLAS use it; both are reported.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

# name: (pictures, channels, side, filters, kernel, stride, padding, first layer: no gradient of the input)
CASES = {
    "50×3×32×32 → 32, 3×3 (first layer)": (50, 3, 32, 32, 3, 1, 1, True),
    "50×3×32×32 → 32, 5×5 (first layer)": (50, 3, 32, 32, 5, 1, 1, True),
    "4×3×128×128 → 32, 7×7 (first layer)": (4, 3, 128, 32, 7, 1, 3, True),
    "4×3×224×224 → 64, 7×7 stride 2 (first layer)": (4, 3, 224, 64, 7, 2, 3, True),
    "32×32×16×16 → 64, 3×3": (32, 32, 16, 64, 3, 1, 1, False),
    "10×64×56×56 → 64, 3×3": (10, 64, 56, 64, 3, 1, 1, False),
    "10×64×56×56 → 128, 3×3 stride 2": (10, 64, 56, 128, 3, 2, 1, False),
    "16×32×32×32 → 64, 5×5": (16, 32, 32, 64, 5, 1, 2, False),
    "10×64×56×56 → 256, 1×1": (10, 64, 56, 256, 1, 1, 0, False),
    "10×256×28×28 → 128, 1×1 stride 2": (10, 256, 28, 128, 1, 2, 0, False),
}
POOLS = {
    "10×64×56×56, max 2×2 stride 2": (10, 64, 56, 2, 2, 0),
    "4×64×112×112, max 3×3 stride 2": (4, 64, 112, 3, 2, 1),
}
MEMORY_CASE = "10×64×56×56 → 64, 3×3"
NAIVE_CASE = "50×3×32×32 → 32, 5×5 (first layer)"
HERE = Path(__file__).resolve()


# ---- what one process measures ----


def shape_of(case):
    return (1, 64, 8, 64, 3, 1, 1, False) if case == "tiny" else CASES[case]


def numpy_step(case, threads):
    import numpy as np

    from pixelwise.scratch import functional
    from pixelwise.scratch.fast.workspace import Workspace
    from pixelwise.scratch.layers import Conv2d

    rng = np.random.default_rng(0)

    def channels_last(*shape):
        count, channels, height, width = shape
        return rng.standard_normal((count, height, width, channels), np.float32).transpose(0, 3, 1, 2)

    if case in POOLS:
        count, channels, side, kernel, stride, padding = POOLS[case]
        x = channels_last(count, channels, side, side)
        out, _ = functional.max_pool2d(x, kernel, stride=stride, padding=padding)
        dout = channels_last(*out.shape)

        def step():
            _, cache = functional.max_pool2d(x, kernel, stride=stride, padding=padding)
            functional.max_pool2d_backward(dout, cache)

        return step, ""
    count, channels, side, filters, kernel, stride, padding, first = shape_of(case)
    layer = Conv2d(channels, filters, kernel, stride=stride, padding=padding)
    layer.initialise(rng)
    layer.workspace = Workspace(threads)
    x = channels_last(count, channels, side, side)
    dout = channels_last(*layer.forward(x)[0].shape)
    backward = layer.parameter_gradients if first else layer.backward

    def step():
        _, cache = layer.forward(x)
        backward(dout, cache)

    return step, layer.algorithm


def torch_step(case, threads, channels_last):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    memory = torch.channels_last if channels_last else torch.contiguous_format
    if case in POOLS:
        count, channels, side, kernel, stride, padding = POOLS[case]
        x = torch.randn(count, channels, side, side).to(memory_format=memory).requires_grad_()
        leaves = [x]

        def forward():
            return torch.nn.functional.max_pool2d(x, kernel, stride, padding)
    else:
        count, channels, side, filters, kernel, stride, padding, first = shape_of(case)
        x = torch.randn(count, channels, side, side).to(memory_format=memory).requires_grad_(not first)
        module = torch.nn.Conv2d(channels, filters, kernel, stride, padding).to(memory_format=memory)
        leaves = [x, *module.parameters()]

        def forward():
            return module(x)

    dout = torch.randn_like(forward())

    def step():
        for leaf in leaves:
            leaf.grad = None
        forward().backward(dout)

    return step, ""


def naive_step(case):
    """The loops that everybody writes first: one scalar product of a window with a filter at a time."""
    import numpy as np

    _, channels, side, filters, kernel, stride, padding, _ = CASES[case]
    rng = np.random.default_rng(0)
    x = np.pad(rng.standard_normal((1, channels, side, side)), ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    weight = rng.standard_normal((filters, channels, kernel, kernel))
    places = (x.shape[2] - kernel) // stride + 1
    dout = rng.standard_normal((1, filters, places, places))

    def step():
        out, dweight = np.zeros_like(dout), np.zeros_like(weight)
        for n, o, y, z in np.ndindex(out.shape):
            window = x[n, :, y * stride : y * stride + kernel, z * stride : z * stride + kernel]
            out[n, o, y, z] = np.sum(window * weight[o])
        for n, o, y, z in np.ndindex(out.shape):
            window = x[n, :, y * stride : y * stride + kernel, z * stride : z * stride + kernel]
            dweight[o] += dout[n, o, y, z] * window

    return step, ""


def make_step(kind, case, threads):
    if kind == "naive":
        return naive_step(case)
    if kind.startswith("numpy"):
        return numpy_step(case, threads)
    return torch_step(case, threads, kind == "torch channels_last")


def worker(kind, threads):
    """Answer requests, one JSON line each: a case and seconds to spend → the median seconds of one step."""
    clock = time.process_time if threads == 1 else time.perf_counter
    steps = {}
    for line in sys.stdin:
        request = json.loads(line)
        case = request["case"]
        if case not in steps:
            steps.clear()
            steps[case] = make_step(kind, case, threads)
            steps[case][0]()
        step, algorithm = steps[case]
        step()  # another process had the caches
        times, until = [], time.perf_counter() + request["seconds"]
        while len(times) < 3 or time.perf_counter() < until:
            start = clock()
            step()
            times.append(clock() - start)
        print(json.dumps({"seconds": statistics.median(times), "algorithm": algorithm}), flush=True)


def peak_memory(kind):
    """MB at the peak of three steps, inputs included, beyond what the process held after a step of a tiny case.

    The tiny case loads what libraries load at their first use.
    """
    make_step(kind, "tiny", 1)[0]()
    before = memory_of_this_process("VmRSS")
    step, _ = make_step(kind, MEMORY_CASE, 1)
    for _ in range(3):
        step()
    return (memory_of_this_process("VmHWM") - before) / 1e6


def memory_of_this_process(name):
    """Bytes held now (VmRSS) or at most so far (VmHWM), as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


# ---- the process that asks ----


def environment(kind, threads):
    count = str(threads)
    chosen = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
    if kind == "numpy AVX-512":
        chosen["OPENBLAS_CORETYPE"] = "SkylakeX"
    return {**os.environ, **chosen, "OMP_WAIT_POLICY": "PASSIVE"}


def blas_kernels(coretype=None):
    code = "import numpy, threadpoolctl as t; print(next(i['architecture'] for i in t.threadpool_info()))"
    extra = {"OPENBLAS_CORETYPE": coretype} if coretype else {}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **extra})
    return result.stdout.strip()


class Worker:
    def __init__(self, kind, threads):
        command = [sys.executable, str(HERE), "--worker", kind, "--threads", str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(kind, threads)
        )

    def ask(self, case, seconds):
        self.process.stdin.write(json.dumps({"case": case, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("a worker ended; its error stands above")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(kinds, threads, cases, rounds, seconds):
    """Medians of seconds, and of the ratio torch / numpy of the same round, for each case."""
    workers = {kind: Worker(kind, threads) for kind in kinds}
    results = {}
    for case in cases:
        times = {kind: [] for kind in kinds}
        algorithm = ""
        for turn in range(rounds):
            for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
                answer = workers[kind].ask(case, seconds)
                times[kind].append(answer["seconds"])
                algorithm = answer["algorithm"] or algorithm
        ratios = {
            ours: {
                theirs: round(statistics.median(t / n for t, n in zip(times[theirs], times[ours], strict=True)), 3)
                for theirs in kinds
                if theirs.startswith("torch")
            }
            for ours in kinds
            if ours.startswith("numpy")
        }
        milliseconds = {kind: round(1000 * statistics.median(found), 3) for kind, found in times.items()}
        results[case] = {"algorithm": algorithm, "milliseconds": milliseconds, "speed": ratios}
        print(f"{threads} thread(s)  {case:46}", ratios, flush=True)
    for each in workers.values():
        each.close()
    return results


def geometric_means(results):
    found = {}
    for entry in results.values():
        for ours, ratios in entry["speed"].items():
            for theirs, ratio in ratios.items():
                found.setdefault(ours, {}).setdefault(theirs, []).append(ratio)
    return {
        ours: {theirs: round(math.exp(statistics.fmean(map(math.log, ratios))), 3) for theirs, ratios in both.items()}
        for ours, both in found.items()
    }


def naive_ratio(kinds, seconds):
    """How many times longer the naive loop takes for a picture than NumPy does for one of a batch."""
    naive = Worker("naive", 1)
    slow = naive.ask(NAIVE_CASE, 0)["seconds"]
    naive.close()
    ratios = {}
    for kind in kinds:
        if kind.startswith("numpy"):
            fast = Worker(kind, 1)
            ratios[kind] = round(slow / (fast.ask(NAIVE_CASE, seconds)["seconds"] / CASES[NAIVE_CASE][0]))
            fast.close()
    return {"case": NAIVE_CASE, "naive_milliseconds_a_picture": round(1000 * slow, 1), "times_faster": ratios}


def memory(kinds):
    found = {}
    for kind in kinds:
        command = [sys.executable, str(HERE), "--memory", kind]
        result = subprocess.run(command, capture_output=True, text=True, env=environment(kind, 1), check=True)
        found[kind] = round(float(result.stdout), 1)
    return {"case": MEMORY_CASE, "megabytes": found}


def machine():
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
    }


def commit():
    def git(*words):
        return subprocess.run(["git", *words], cwd=HERE.parent, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", "../src/pixelwise/scratch", HERE.name)
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def when(load, rounds):
    """When and of which commit figures are; `load` is that of before they were taken."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit(),
        "rounds": rounds,
        "load_before_and_after": [round(load[0], 1), round(os.getloadavg()[0], 1)],
    }


def table(record):
    """The record as Markdown."""
    ours = list(record["openblas_kernels"])
    theirs = ["torch contiguous", "torch channels_last"]

    def row(words, speed):
        return f"| {words} | " + " | ".join(f"{speed[o][t]:.2f}" for o in ours for t in theirs) + " |"

    heads = [f"{o} / {t}" for o in ours for t in theirs]
    lines = ["| shape | algorithm | " + " | ".join(heads) + " |", "|---|---|" + "--:|" * len(heads)]
    for threads, cases in record["threads"].items():
        word = "thread" if threads == "1" else "threads"
        lines += [row(f"{case}, {threads} {word} | {e['algorithm']}", e["speed"]) for case, e in cases.items()]
        lines += [row(f"**geometric mean of ten, {threads} {word}** |", record["geometric_mean_of_ten"][threads])]
    lines += [row(f"{case} | planes", e["speed"]) for case, e in record["pooling"].items()]
    naive, peak = record["naive_loop"], record["peak_memory"]
    times = ", ".join(f"{ratio} times ({kind})" for kind, ratio in naive["times_faster"].items())
    memory = ", ".join(f"{kind} {megabytes:.0f}" for kind, megabytes in peak["megabytes"].items())
    kernels = ", ".join(f"{kind} = kernels `{name}`" for kind, name in record["openblas_kernels"].items())
    lines += [
        "",
        f"{record['machine']['processor']}, {record['machine']['cores']} cores, load {record['load_before_and_after'][1]} "
        f"from other work at the time; {kernels}; {record['clock']}. Faster than the naive loop ({naive['case']}): {times}. "
        f"Peak memory in MB, inputs included ({peak['case']}): {memory}.",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="turns of each process a case")
    parser.add_argument("--seconds", type=float, default=0.25, help="of one turn")
    parser.add_argument("--one-thread", action="store_true", help="leave out two threads")
    parser.add_argument("--pooling", action="store_true", help="measure pooling alone, and keep the other figures")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--table", action="store_true", help="print the recorded figures as Markdown, measure nothing")
    options = parser.parse_args()
    path = HERE.with_suffix(".json")
    if options.table:
        return print(table(json.loads(path.read_text(encoding="utf-8"))))
    if options.worker:
        return worker(options.worker, options.threads)
    if options.memory:
        return print(peak_memory(options.memory))

    kernels = {"numpy": blas_kernels()}
    kinds = ["numpy", "torch contiguous", "torch channels_last"]
    has_avx512 = "avx512f" in Path("/proc/cpuinfo").read_text()
    if has_avx512 and kernels["numpy"] in ("Haswell", "Zen"):
        kernels["numpy AVX-512"] = blas_kernels("SkylakeX")
        kinds.insert(1, "numpy AVX-512")
    thread_counts = (1,) if options.one_thread else (1, 2)
    load = os.getloadavg()
    if options.pooling:
        record = json.loads(path.read_text(encoding="utf-8"))
        record["pooling"] = compare(kinds, 1, list(POOLS), options.rounds, options.seconds)
        record["pooling_measured"] = when(load, options.rounds)
        return path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    grid = {str(n): compare(kinds, n, list(CASES), options.rounds, options.seconds) for n in thread_counts}
    pools = compare(kinds, 1, list(POOLS), options.rounds, options.seconds)
    record = {
        "what": "speed = seconds of PyTorch eager / seconds of NumPy, forward + backward, float32; above 1 NumPy is faster",
        "clock": "processor time with one thread, wall clock with two",
        **when(load, options.rounds),
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "torch")},
        },
        "openblas_kernels": kernels,
        "geometric_mean_of_ten": {threads: geometric_means(found) for threads, found in grid.items()},
        "threads": grid,
        "pooling": pools,
        "pooling_measured": when(load, options.rounds),
        "naive_loop": naive_ratio(kinds, 2 * options.seconds),
        "peak_memory": memory(kinds),
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(record["geometric_mean_of_ten"], indent=1))
    return None


if __name__ == "__main__":
    main()
