"""`pixelwise data check | repair`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.errors import listing
from pixelwise.terminal.output import ACCENT, BAD, GOOD, QUIET, WARN, result_console, say, show_line

if TYPE_CHECKING:
    from pixelwise.data.base import Dataset
    from pixelwise.data.checks.survey import Describe, Finding, Survey
    from pixelwise.data.repair import Repaired

SHOWN = 5  # files that are named for each finding; --json names all
Accepted = Sequence[tuple["Finding", str]]  # findings with the reason for which they were accepted

Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures of every finding.")
]
Accept = Annotated[
    Path | None,
    typer.Option(
        "--accept", metavar="FILE", help="List of accepted findings. Default: accepted.yaml in the data set's folder."
    ),
]


Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="ENCODER",
        help="Also find crops, mirror images and next frames across splits, by an encoder, e.g. tf_efficientnet_lite0.",
    ),
]


def examine(
    dataset: Dataset, cache: Path, accept: Path | None, features: str | None, data: Path | None
) -> tuple[Survey, list[Finding], Accepted]:
    """Read every sample; (what was seen, findings, accepted findings)."""
    from pixelwise.data.checks import check_cache, findings_of
    from pixelwise.data.checks.accepted import accepted_entries, set_apart
    from pixelwise.data.checks.survey import survey
    from pixelwise.terminal.bars import Line

    entries = accepted_entries(dataset, accept)  # before every picture is read
    describe = None if features is None else _describer(features, data)
    with Line("checking") as line:
        seen = survey(dataset, lambda done, total: line.show(dataset.info.name, done, total), describe)
    findings = [*check_cache(dataset, cache), *findings_of(dataset, seen)]
    return seen, *set_apart(findings, *entries)


def _describer(name: str, data: Path | None) -> Describe:
    from pixelwise.engine.torch.features import describer

    describe, note = describer(name, data)
    say(note, err=True)
    return describe


def keep(cache: Path, dataset: Dataset, findings: Sequence[Finding]) -> None:
    """Keep the fatal findings in the cache: a training on the same files repeats them."""
    from dataclasses import asdict

    from pixelwise.data.cache.checked import keep_findings

    keep_findings(cache, dataset, [asdict(finding) for finding in findings if finding.severity == "fatal"])


def write_page(file: Path, dataset: Dataset, seen: Survey, findings: list[Finding], accepted: Accepted) -> None:
    from pixelwise.report.check_page import build_check_page
    from pixelwise.run.atomic import write_text

    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, build_check_page(dataset, seen, findings, accepted))


def show_repaired(made: Repaired, out: Path) -> None:
    """Print what was done, what was left out, and what a person has to do."""
    console = result_console()
    show_line(
        console, (str(out), "bold"), f"  {', '.join(f'{split} {count:,}' for split, count in made.copied.items())}"
    )
    for what, names in made.done.items():
        show_line(console, ("done      ", GOOD), f"{what}: {listing(names, SHOWN)}")
    for why, names in made.left_out.items():
        show_line(console, ("left out  ", WARN), f"{why}: {listing(names, SHOWN)}")
    for what in made.open:
        show_line(console, ("not done  ", WARN), what)
    if not (made.done or made.left_out or made.open):
        again = " Masks were written again as PNG with one palette." if made.dataset == {"name": "folder"} else ""
        show_line(console, f"Nothing had to be corrected.{again}")
    options = [f"{key}={value}" for key, value in made.dataset.items() if key != "name"]
    command = ["pixelwise", "data", "check", str(out), *(word for option in options for word in ("--set", option))]
    show_line(console, f"\nrepaired.json names every file. Next: {shlex.join(command)}")


def findings_as_json(findings: Sequence[Finding], accepted: Accepted, seen: Survey) -> dict[str, Any]:
    from dataclasses import asdict

    classes = seen.info.classes
    shares: dict[str, dict[str, float]] = {}
    for split in seen.splits:
        counts = seen.class_counts(split)
        shares[split] = {name: n / max(1, sum(counts)) for name, n in zip(classes, counts, strict=True)}
    return {
        "fatal": sum(finding.severity == "fatal" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
        "accepted": [{**asdict(finding), "reason": reason} for finding, reason in accepted],
        "shares": shares,
    }


def show_findings(findings: Sequence[Finding], accepted: Accepted) -> None:
    console = result_console()
    if not findings and not accepted:
        show_line(console, ("Nothing found.", GOOD), " Every picture was read, and every check passed.")
        return
    show_line(console)
    show_each(findings, accepted)
    count = sum(finding.severity == "fatal" for finding in findings)
    apart = f", {len(accepted)} accepted" if accepted else ""
    show_line(console, f"\n{count} fatal, {len(findings) - count} to look at{apart}. --json names every file.")


def show_each(findings: Sequence[Finding], accepted: Accepted) -> None:
    """Findings with their first files and cures, then those that are accepted."""
    console = result_console()
    for finding in findings:
        fatal = finding.severity == "fatal"
        mark = ("fatal    ", f"bold {BAD}") if fatal else ("warning  ", WARN)
        show_line(console, mark, (finding.check, "bold"), f"  {finding.what}")
        if finding.files:
            show_line(console, (f"         {listing(finding.files, SHOWN)}", QUIET))
        if finding.cure:
            show_line(console, ("         → ", ACCENT), finding.cure)
    for finding, reason in accepted:
        show_line(console, ("accepted ", QUIET), (finding.check, "bold"), f"  {finding.what}")
        show_line(console, (f"         reason: {reason}", QUIET))
