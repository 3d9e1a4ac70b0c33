"""A training that starts from the weights of another run, with a record of which run, and of what was taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from numpy.typing import NDArray

from pixelwise.engine.base import Learner
from pixelwise.errors import Problem, RunError, did_you_mean, listing
from pixelwise.models.parts import places
from pixelwise.run.checkpoint import digest_of, load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import run_key
from pixelwise.run.progress import Progress

CHECKPOINT = "best"
SHOWN = 6  # misfits that are listed one by one


def take_weights(learner: Learner, source: Path, exceptions: Sequence[str]) -> dict[str, Any]:
    """Put the weights and statistics of a run's best checkpoint into a learner; a record of where they come from.

    exceptions:  parts of the model (`head`) or patterns of names (`head.*`) that keep their first, random weights

    Only arrays and records of the run are read: nothing that its recipe names is imported. Raises RunError with every name
    and shape that does not fit and is not excepted, and for an exception that names nothing; the learner is then unchanged.
    """
    run = RunFolder.open(source)
    folder, setup = run.path / CHECKPOINT, run.read("setup")
    arrays, state = load_checkpoint(folder, "model")
    own, found = learner.state("best")["model"], arrays["model"]
    new = excepted(own, exceptions)
    left = [name for name in found if _matches(name, exceptions) and name not in own]
    problems = [*_unknown(own, found, exceptions), *misfits(own, found, "run", exceptions)]
    if problems:
        refuse(problems, str(source), _advice(own, problems))
    taken = {name: found[name] for name in own if name not in new}
    if not taken:
        raise RunError("nothing is left to take from it.", where=str(source), hint="Leave out one of the --except.")
    learner.load({"model": {**own, **taken}}, where=str(folder))
    progress, _ = Progress.from_state(state, where=str(folder / "state.json"))
    record = {
        "run": str(source),
        "key": run_key(setup),
        "checkpoint": CHECKPOINT,
        "epoch": progress.epoch,
        "step": progress.step,
        "sha256": digest_of(folder, "model"),
        "taken": len(taken),
        "new": new,
        "left": left,
    }
    return {**record, "note": _note(record, len(own), setup, learner.task.info.classes)}


def excepted(names: Iterable[str], exceptions: Sequence[str]) -> list[str]:
    """Those of a model's arrays that keep their first weights. exceptions: as in `take_weights`"""
    return [name for name in names if _matches(name, exceptions)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches a pattern, or lies in a part of that name."""
    return any(fnmatchcase(place, pattern) for place in places(name) for pattern in patterns)


def refuse(problems: Sequence[Problem], where: str, hint: str) -> NoReturn:
    """Raise RunError with the first of the problems, how many more there are, and what to do."""
    shown = [Problem(where, p.what, p.hint) for p in problems[:SHOWN]]
    if len(problems) > SHOWN:
        shown.append(Problem("", f"and {len(problems) - SHOWN} more of this kind."))
    raise RunError.all([*shown, Problem(where, "does not fit this recipe's model; nothing was taken.", hint)])


def _unknown(own: Iterable[str], found: Iterable[str], exceptions: Sequence[str]) -> Iterator[Problem]:
    names = list(dict.fromkeys([*own, *found]))
    for pattern in exceptions:
        if not any(_matches(name, [pattern]) for name in names):
            parts = dict.fromkeys(part for name in names for part in places(name))
            yield Problem("", f"--except {pattern} matches no part of the two models.", did_you_mean(pattern, parts))


def misfits(
    own: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]], there: str, exceptions: Sequence[str] = ()
) -> Iterator[Problem]:
    """A problem for every array that only one side has, or that has another shape or type. there: what `found` is of"""
    for name in dict.fromkeys([*own, *found]):
        if _matches(name, exceptions):
            continue
        if name not in found:
            yield Problem(name, f"'{name}' is not in the {there}.")
        elif name not in own:
            yield Problem(name, f"'{name}' is not in this model.")
        elif (own[name].shape, own[name].dtype) != (found[name].shape, found[name].dtype):
            given, here = (f"{list(a.shape)}" + f" {a.dtype}" * (own[name].dtype != found[name].dtype)
                           for a in (found[name], own[name]))  # fmt: skip
            yield Problem(name, f"'{name}' is {given} in the {there} and {here} in this model.")


def _advice(own: Mapping[str, Any], problems: Sequence[Problem]) -> str:
    """The parts that would have to be excepted, where that is not most of the model."""
    names = [problem.where for problem in problems if problem.where]
    if not names:
        return "Correct --except."
    if 2 * len(names) > len(own):
        return "It may be a run of another architecture."
    parts = dict.fromkeys(name.rpartition(".")[0] or name for name in names)
    return f"To begin these parts with random weights: {' '.join(f'--except {part}' for part in parts)}"


def _note(record: Mapping[str, Any], arrays: int, setup: Mapping[str, Any], classes: Sequence[str]) -> str:
    """One sentence: what was taken from where, what is new, what was left, and whether classes have another meaning."""
    said = f"started from the weights of {record['run']} ({CHECKPOINT} checkpoint, epoch {record['epoch']}): "
    said += f"{record['taken']} of {arrays} arrays taken"
    said += f"; initialised: {listing(record['new'])}" if record["new"] else ""
    said += f"; left out: {listing(record['left'])}" if record["left"] else ""
    before = tuple((setup.get("data") or {}).get("classes") or ())
    if len(before) == len(classes) and before != tuple(classes):
        said += f"; its classes were {listing(before, 4)} and are {listing(classes, 4)} here"
    return said
