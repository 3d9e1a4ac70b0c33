"""Whether two checkouts train, score, predict and report the same, to the bit.

    python tests/safety/same_runs.py OLD NEW                        all cases of both (a few minutes on one core)
    python tests/safety/same_runs.py OLD NEW --only segment --only "scratch classify"
    python tests/safety/same_runs.py OLD NEW --keep ~/.cache/same_runs    OLD is run once for each of its commits
    python tests/safety/same_runs.py OLD NEW --diff                 shows what differs, line by line

NEW is imported while it runs: do not change it meanwhile.

Both sides use this Python and its packages, fp32 and one thread. Hashes depend on processor and versions, so checkouts are
compared live; `start.json` beside this file has the hashes of the commit named in it, and of which machine.
Exit code: 0 all equal, 1 something differs or fails.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import CASES  # noqa: E402

# Declared differences, by the beginning of the name of what is compared ("report", "kept pictures", "figures", ...). A report
# is compared one tag a line, e.g. `<td>loss`; a record one JSON value a line, keys sorted.

IN_TRUTH = r"mean_(?:iou|dice)\[[^\]]*classes=truth\]"  # scores that version 0.1 did not give

# Whole lines that NEW has and OLD may lack, as patterns; they are left out of both.
ADDED: dict[str, tuple[str, ...]] = {
    "report": (
        r"  mixup: 0\.0",  # the task classify has the same options for both engines
        r"  (?:mean|std): \[[^\n]*\]",  # recipes are written with those of the task only if they state them
        r"<tr>\n<td>mean (?:IoU|Dice)\n(?:(?!</tr>).*\n)*.*classes in truth\n(?:(?!</tr>).*\n)*</tr>",
        r'<p class="(?:hint|ending)">(?:On \w+, |Always answering “|No interval over pictures: ).*\n</p>',  # a guess is as good
        r'<p class="hint">\* predicted, but not in the truth.*\n</p>',
        r"<style>\w+",  # long names of classes are broken on a phone
        r'<h3>Notes of the run\n</h3>\n<ul class="notes">\n<li>no training picture has the class.*\n</li>\n</ul>',
        r"<li>no training picture has the class.*\n</li>",
    ),
    "kept pictures": (r'"captions": \{\n(?:".*",?\n)*\},',),  # each kind of prediction says how its panels are called
    "scores": (rf'"{IN_TRUTH}": (?:\[\n.*,\n.*\n\]|.*),',),
    "evaluated": (rf'"{IN_TRUTH}": (?:\[\n.*,\n.*\n\]|.*),',),
}

# Parts of lines, in the same way.
INSERTED: dict[str, tuple[str, ...]] = {
    "events": (rf'"{IN_TRUTH}": [^,}}]*, ',),
    "report": (
        r" Pictures were resized to \d+×\d+ without keeping their aspect ratio\.",
        r'<section id="curves">(?:.*\n)*?</section>',  # it draws the validation losses, which "events" compares
        r"too few pictures, |, \w+ chose the epoch",
        r"the (?:score of|mean IoU of|accuracy over) that picture alone(?:, over the classes in its truth or prediction)?",
    ),
    "plots": (r"curves\.\w+ \w+\n?",),
    **dict.fromkeys(("predicted", "tiles"), (r',\n"trained_at": (?:\[\n\d+,\n\d+\n\]|null)',)),
}

# Evaluation had the training's batch in version 0.1, whose sums of floats differ in their last bits: both sides are rounded.
ROUNDED: dict[str, tuple[str, ...]] = {
    "events": (r'"validation": \{[^}]*\}',),
    "scores": (r'"losses": \{[^}]*\}',),
    "evaluated": (r'"losses": \{[^}]*\}',),
}

# Version 0.1 called two rules "absent classes left out".
KEYS = (
    (r"(mean_iou|mean_dice)\[([^\]]*)absent=skipped\]", r"\1[\2classes=truth_or_prediction]"),
    (r"(mean_class_accuracy|balanced_accuracy)\[([^\]]*)absent=skipped\]", r"\1[\2classes=truth]"),
)

# (pattern in OLD, what NEW says instead)
CHANGED: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(("chosen", "scores", "evaluated", "events"), KEYS),
    "report": (
        *KEYS,
        (
            r"((?:mean class|balanced) accuracy\n(?:.*\n){1,8}?.*)absent classes left out",
            r"\1classes in truth",
        ),
        (r"absent classes left out", "classes in truth or prediction"),
        (  # which classes the mean is over
            r"(IoU of each class, best first); the dashed line is the mean over the classes that occur\.",
            r"\1; “absent” is a class in neither truth nor prediction. "
            r"The dashed line is the mean over the classes in truth or prediction.",
        ),
        (
            r"(Accuracy of each class, best first); the dashed line is the mean over the classes that occur\.",
            r"\1; “absent” is a class in neither truth nor prediction. "
            r"The dashed line is the mean over the classes in truth.",
        ),
        (  # plainer captions
            r"Each row is a class in truth, and says in percent where its (\w+) went\. On the diagonal they went right;",
            r"Each row is a true class. Its cells are the predicted classes of its \1 in percent. Those on the diagonal are "
            r"correct;",
        ),
        (
            r"How often the predicted class was right, by the probability it was given\. (.*); below it the network is too "
            r"sure of itself\. The lower panel .*",
            r"How often the predicted class was correct, by its probability. \1; below it the network is overconfident. "
            r"The lower panel shows the number of pictures in each bar.",
        ),
        (r"is what the same guess for every (\w+) would score:", r"is the score of the same guess for every \1:"),
        (r"The plots lie beside this page", "The plots are beside this page"),
    ),
    "kept pictures": (  # the panels of a coloured picture in the order of the gallery
        (r'"image",\n"grey",\n"truth",\n"prediction"\n', '"grey",\n"truth",\n"prediction",\n"image"\n'),
    ),
    "figures": (  # a convention is a map, no longer a text
        (r'"convention": "",', '"convention": {},'),
        (r'"convention": "(\w+)=(\w+)",', r'"convention": {\n"\1": "\2"\n},'),
    ),
}


def main() -> int:
    options = _options()
    names = options.only or list(CASES)
    old = _kept(options.old, names, options.keep) if options.keep else _run(options.old, names)
    if options.record:
        _record(options.record, options.old, old)
    new = _run(options.new, names)
    rows = [(case, what, *_sides(old[case], new[case], what)) for case in names for what in _all(old[case], new[case])]
    differing = [row for row in rows if row[2] != row[3]]
    failed = [row for row in rows if row[1].endswith(" failed")]
    if options.json:
        table = [
            {"case": c, "what": w, "old": _short(a, 64), "new": _short(b, 64), "equal": a == b} for c, w, a, b in rows
        ]
        print(json.dumps({"equal": not differing, "rows": table}, indent=1))
    else:
        for case, what, a, b in rows:
            print(f"{case:24} {what:24} {_short(a):16} {_short(b):16} {'equal' if a == b else 'DIFFERS'}")
        for case, what, a, b in differing if options.diff else ():
            lines = difflib.unified_diff(a.splitlines(), b.splitlines(), "old", "new", lineterm="", n=1)
            print(f"\n-- {case}: {what}", *[line[:400] for line in lines][: options.lines], sep="\n")
        for case, what, before, after in failed:
            print(f"\n-- {case}: {what}\n{(after or before)[-1200:]}")
        print(f"\n{len(rows) - len(differing)} of {len(rows)} equal" + (f", {len(failed)} failed" if failed else ""))
    return 1 if differing or failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--only", action="append", choices=list(CASES), help="a case; may be given several times")
    parser.add_argument("--keep", type=Path, help="folder for OLD's outcome, by commit")
    parser.add_argument("--record", type=Path, help="write OLD's hashes, machine and versions to this JSON file")
    parser.add_argument("--diff", action="store_true", help="show what differs")
    parser.add_argument("--lines", type=int, default=40, help="of each difference; default 40")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _run(checkout: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """The outcome of the cases with a checkout's source, each side in its own process."""
    source = checkout.resolve() / "src"
    if not (source / "pixelwise").is_dir():
        sys.exit(f"{checkout} is no checkout of pixelwise: it has no src/pixelwise")
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    with tempfile.TemporaryDirectory() as folder:
        print(f"-- {checkout}", file=sys.stderr)
        subprocess.run([sys.executable, str(HERE / "one_side.py"), folder, *names], env=environment, check=True)
        return dict(json.loads((Path(folder) / "found.json").read_text()))


def _kept(checkout: Path, names: list[str], keep: Path) -> dict[str, dict[str, str]]:
    """The same, from the folder where an earlier call left it; a checkout with changes is always run."""
    if _git(checkout, "status", "--porcelain", "--", "src"):
        return _run(checkout, names)
    script = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("cases.py", "one_side.py"))).hexdigest()
    file = keep.expanduser() / f"{_git(checkout, 'rev-parse', 'HEAD')}-{script[:8]}.json"
    kept = json.loads(file.read_text()) if file.is_file() else {}
    if missing := [name for name in names if name not in kept]:
        kept |= _run(checkout, missing)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(kept))
        part.replace(file)
    return kept


def _all(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def _sides(old: dict[str, str], new: dict[str, str], what: str) -> tuple[str, str]:
    """Both texts without the declared differences."""
    name = next((name for name in {**ADDED, **INSERTED, **ROUNDED, **CHANGED} if what.startswith(name)), what)
    before, after = old.get(what, ""), new.get(what, "")
    for pattern, put in CHANGED.get(name, ()):
        before = re.sub(pattern, put, before)
    for pattern in ADDED.get(name, ()):
        before, after = (re.sub(rf"^(?:{pattern})\n?", "", side, flags=re.M) for side in (before, after))
    for pattern in INSERTED.get(name, ()):
        before, after = (re.sub(pattern, "", side) for side in (before, after))
    for pattern in ROUNDED.get(name, ()):
        before, after = (re.sub(pattern, _rounded, side) for side in (before, after))
    return before.strip(), after.strip()


def _rounded(found: re.Match[str]) -> str:
    """The text with its numbers to 6 digits."""
    return re.sub(r"-?\d+\.\d+(?:e[-+]\d+)?", lambda number: f"{float(number[0]):.6g}", found[0])


def _short(text: str, length: int = 12) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length] if text else "–"


def _git(checkout: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True).stdout.strip()


def _record(file: Path, checkout: Path, found: dict[str, dict[str, str]]) -> None:
    """Hashes of a commit, with the machine and the versions that they depend on."""
    from importlib.metadata import version

    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    record = {
        "commit": _git(checkout, "rev-parse", "HEAD"),
        "processor": (cpu or ["unknown"])[0],
        "python": sys.version.split()[0],
        "packages": {
            name: version(name) for name in ("torch", "torchvision", "numpy", "scipy", "pillow", "matplotlib")
        },
        "sha256": {case: {what: _short(text, 64) for what, text in texts.items()} for case, texts in found.items()},
    }
    file.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
