"""Hostile pictures, archives, YAML files and file names: nothing is written outside, memory is bounded, and each ends in words.

    python campaigns/hostile.py                    counts in hostile.json
    python campaigns/hostile.py --count 30         the first cases of each kind, and fewer damaged pictures
    python campaigns/hostile.py --only 17          what was said in one case

Each case is a fork of a process that has imported what it needs. `data check` and `data info` read pictures and names,
`check` reads YAML, and the function that unpacks what `data fetch` brings reads archives.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path
from typing import Any

from forked import run_forked
from hostile_files import FILES, KINDS, damaged

SECONDS, MEMORY = 60.0, 1700  # of a case; MiB more than before: WebP takes 16 bytes a pixel, 100 million are allowed
UNPACKED = 1 << 24  # bytes that an archive of the campaign may hold
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")
Case = tuple[str, str, Callable[[Path], Callable[[], Any]]]  # kind, what it is; makes its files and gives the work


def command(*words: str) -> tuple[int | str, str]:
    """A command of pixelwise: its exit code and all that it said."""
    from pixelwise.cli import app

    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(list(words))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except BaseException:
            return "traceback", said.getvalue() + traceback.format_exc()
    return code, said.getvalue()


def sound(
    folder: Path, *, image: tuple[bytes, bytes] = (b"b.png", b""), mask: tuple[bytes, bytes] = (b"b.png", b"")
) -> None:
    """A data set of one sound pair, and one of the given files (name, content; empty: a sound one)."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (8, 8), 1).save(file, "PNG")
    for part, (name, content) in (("images", image), ("masks", mask)):
        (folder / part).mkdir(parents=True)
        (folder / part / "a.png").write_bytes(file.getvalue())
        with open(os.path.join(os.fsencode(folder / part), name), "wb") as opened:
            opened.write(content or file.getvalue())
    (folder / "classes.txt").write_text("ground\ncat\n")


def picture(suffix: str, content: bytes, number: int) -> Callable[[Path], Callable[[], Any]]:
    def make(place: Path) -> Callable[[], Any]:
        file = (b"b" + suffix.encode(), content)
        sound(place / "set", **({"mask": file} if number % 2 else {"image": file}))
        return lambda: command("data", "check", str(place / "set"))

    return make


def archive(suffix: str, content: bytes, number: int) -> Callable[[Path], Callable[[], Any]]:
    def make(place: Path) -> Callable[[], Any]:
        file = place / f"made{suffix}"
        file.write_bytes(content)

        def work() -> tuple[int | str, str]:
            from pixelwise.data.fetch import extract
            from pixelwise.errors import DataError

            try:
                return 0, f"{extract(file, place / 'target', max_files=2000, max_bytes=UNPACKED)} files"
            except DataError as error:
                left = list((place / "target").rglob("*"))
                return ("left files" if left else 2), f"{error} {left or ''}"

        return work

    return make


def recipe(suffix: str, content: bytes, number: int) -> Callable[[Path], Callable[[], Any]]:
    def make(place: Path) -> Callable[[], Any]:
        file = place / f"made{suffix}"
        file.write_bytes(content)
        return lambda: command("check", str(file))

    return make


def named(name: bytes, how: str) -> Callable[[Path], Callable[[], Any]]:
    """A picture, a class, a line of a list, or the folder itself has a hostile name."""

    def make(place: Path) -> Callable[[], Any]:
        folder = place / (os.fsdecode(name) if how == "folder" and name not in (b"..", b"~") else "set")
        file = (name + b".png", b"")
        sound(
            folder, **({"image": file, "mask": file} if how == "picture" else {"image": file} if how == "alone" else {})
        )
        if how == "class":
            (folder / "classes.txt").write_bytes(b"ground\n" + name + b"\n")
        elif how == "list":
            (folder / "splits").mkdir()
            (folder / "splits/train.txt").write_bytes(b"a\n" + name + b"\n../../outside/secret\n")
            (folder / "splits/val.txt").write_bytes(b"b\n")
        return lambda: command("data", "check", str(folder)) if how != "class" else command("data", "info", str(folder))

    return make


def all_cases(seed: int, count: int | None) -> list[Case]:
    makers = {"picture": picture, "archive": archive, "yaml": recipe}
    cases: list[Case] = []
    for kind, make in makers.items():
        made = KINDS[kind]()
        if kind == "picture":
            made = chain(damaged(seed, 10 if count else 100), made)
        for number, (what, suffix, content) in enumerate(islice(made, count)):
            cases.append((kind, what, make(suffix, content, number)))
    names = [(name, how) for how in ("picture", "alone", "class", "list", "folder") for name in FILES]
    names = [one for one in names if not (one[1] == "folder" and len(one[0]) > 200)]
    return cases + [("name", f"{how} named {name!r}", named(name, how)) for name, how in islice(names, count)]


def run_case(number: int, case: Case, work: Path) -> dict[str, Any]:
    """Make the files of one case, do its work in a fork, and look at what came of it."""
    kind, what, make = case
    place, outside = work / f"case-{number}" / "in", work / "outside"
    place.mkdir(parents=True)
    run = make(place)
    before = listing(outside)

    def measured() -> dict[str, Any]:
        os.chdir(place)
        begun = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        code, said = run()
        return {"code": code, "said": said[-3000:].encode("utf-8", "backslashreplace").decode(), "mib": memory("VmHWM") - begun,
                "control": sorted(set(map(repr, CONTROL.findall(said))))}  # fmt: skip

    value, ended = run_forked(measured, allowed=[place, Path("/proc")], seconds=SECONDS)
    found = {"code": ended.code, "said": ended.said} if ended is not None else dict(value["value"])
    wrong = [f"wrote {path}" for path in ([] if ended is not None else value["outside"])]
    wrong += [f"ended with {found['code']}"] if found["code"] not in (0, 1, 2) else []
    wrong += ["outside changed"] if listing(outside) != before or len(list(place.parent.iterdir())) > 1 else []
    wrong += [f"took {found['mib']:.0f} MiB"] if found.get("mib", 0) > MEMORY else []
    wrong += [f"printed {found['control']}"] if found.get("control") else []
    wrong += ["printed a secret"] if "a secret" in found["said"] else []
    shutil.rmtree(place.parent, ignore_errors=True)
    return {"number": number, "kind": kind, "what": what, **found, "wrong": wrong}


def memory(field: str) -> float:
    """MiB of this process: VmRSS, what it holds now; VmHWM, the most that it held."""
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith(field))


def listing(folder: Path) -> dict[str, Any]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def main() -> None:
    parser = argparse.ArgumentParser(description="hostile files and names")
    parser.add_argument("--count", type=int, help="cases of each kind; without it all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    asked = parser.parse_args()
    begun, cases = time.monotonic(), all_cases(asked.seed, asked.count)
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        work = Path(folder)
        (work / "outside").mkdir()
        (work / "outside" / "secret").write_text("a secret")
        import_all(work / "first")
        numbers = range(len(cases)) if asked.only is None else [asked.only]
        found = [run_case(number, cases[number], work) for number in numbers]
    if asked.only is not None:
        print(json.dumps(found, indent=2, ensure_ascii=False).replace("\\n", "\n"))
        return
    wrong = [one for one in found if one["wrong"]]
    asked.out.write_text(
        json.dumps(summary(found, wrong, asked, time.monotonic() - begun), indent=2, ensure_ascii=False) + "\n"
    )
    print(f"{len(found)} hostile files and names, {len(wrong)} wrong")
    for one in wrong:
        print(f"  {one['number']} {one['what']}: {'; '.join(one['wrong'])}"[:300])
    sys.exit(bool(wrong))


def import_all(place: Path) -> None:
    """Have everything imported that a case needs, so that a fork starts at once."""
    from PIL import Image

    import pixelwise.data.fetch  # noqa: F401

    Image.init()
    sound(place)
    for words in (("data", "check", str(place)), ("data", "info", str(place)), ("check", "quickstart")):
        code, said = command(*words)
        if code not in (0, 1):
            raise SystemExit(f"{' '.join(words)} ended with {code}:\n{said}")


def summary(found: list[dict[str, Any]], wrong: list[dict[str, Any]], asked: Any, seconds: float) -> dict[str, Any]:
    from pixelwise.run.environment import environment

    where = environment()
    where.pop("command", None)
    kinds = Counter(one["kind"] for one in found)
    return {
        "what": "hostile pictures, archives, YAML files and names",
        "seed": asked.seed,
        "cases": len(found),
        "kinds": dict(kinds),
        "exit codes": {kind: dict(Counter(str(one["code"]) for one in found if one["kind"] == kind)) for kind in kinds},
        "most memory (MiB)": {
            kind: round(max(one.get("mib", 0) for one in found if one["kind"] == kind)) for kind in kinds
        },
        "limits": {"memory (MiB)": MEMORY, "seconds": SECONDS, "bytes of an archive": UNPACKED},
        "written outside": sum(any("wrote" in text or "outside" in text for text in one["wrong"]) for one in found),
        "tracebacks": sum(one["code"] == "traceback" for one in found),
        "hangs": sum(one["code"] == "hang" for one in found),
        "wrong": [{key: one[key] for key in ("number", "what", "wrong")} for one in wrong],
        "seconds": round(seconds),
        "environment": where,
    }


if __name__ == "__main__":
    main()
