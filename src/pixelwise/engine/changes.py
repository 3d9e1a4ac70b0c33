"""What may change after a run has begun: its length, and where its data set lies. setup.json records every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.engine.build import build
from pixelwise.engine.fit import is_stale
from pixelwise.errors import RunError
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.place import moved, place_of
from pixelwise.recipe.schema import Phase, Recipe
from pixelwise.run.atomic import write_text
from pixelwise.run.folder import RunFolder
from pixelwise.run.length import Length
from pixelwise.run.progress import Progress

CHANGES = "changes"  # their key in setup.json


@dataclass(frozen=True)
class Change:
    """One change of a run.

    what:    `extended` or `moved`
    recipe:  the recipe from now on
    before:  the recipe until now
    note:    what a person should know about it
    exact:   whether the run ends as if it had begun so, bit for bit
    """

    what: str
    recipe: Recipe
    before: Recipe
    note: str
    exact: bool = True

    def as_record(self, progress: Progress) -> dict[str, Any]:
        told = {"what": self.what, "epoch": progress.epoch, "step": progress.step, "exact": self.exact}
        return {**told, "note": self.note, "recipe": self.before.model_dump(mode="json")}


def keep_changes(
    run: RunFolder, setup: Mapping[str, Any], recipe: Recipe, changes: Sequence[Change], progress: Progress
) -> None:
    """Record changes in the run, before the first step that they concern.

    An extended run is not finished any more: its summary is that of the shorter training. setup.json is written before
    recipe.yaml: a kill between the two leaves the earlier recipe.yaml, which `check_resume` knows by the record.
    """
    if any(change.what == "extended" for change in changes):
        with suppress(FileNotFoundError):
            run.file("summary.json").unlink()
    if changes:
        records = [change.as_record(progress) for change in changes]
        kept = {"recipe": recipe.model_dump(mode="json"), CHANGES: [*setup.get(CHANGES, ()), *records]}
        run.write("setup", {**setup, **kept})
    if changes or setup.get(CHANGES):
        write_text(run.file("recipe.yaml"), as_yaml(recipe))


# -- another place of the data ---------------------------------------------------------------------------------------


def move(began: Recipe, now: Recipe, path: Path | None) -> tuple[Recipe, list[Change]]:
    """The recipe `now` with its data set at `path`, and the change where that is another place than the run began with.

    Raises RecipeError if the data set has no option `path`.
    """
    recipe = now if path is None else moved(now, path)
    before, after = place_of(began), place_of(recipe)
    if before == after:
        return recipe, []
    return recipe, [Change("moved", recipe, began, f"the data set was moved from {before} to {after}")]


# -- more epochs -----------------------------------------------------------------------------------------------------


def extend(
    recipe: Recipe, progress: Progress, per_epoch: int, *, epochs: int | None, steps: int | None, where: str
) -> list[Change]:
    """The change that makes a run as long as is asked for, in all its phases; none if it is so long already.

    The last phase becomes longer. If its last epoch was cut short and is over, a phase with the same settings follows.
    Raises RunError if the run is longer, gives its length in the other unit, or was stopped early.
    """
    if epochs is None and steps is None:
        return []
    phases, before = recipe.train.phases, length_of(recipe, per_epoch)
    last = phases[-1]
    unit, wanted, there = ("epochs", epochs, before.epochs) if last.steps is None else ("steps", steps, before.steps)
    if wanted is None or (epochs is not None and steps is not None):
        what = f"the length of its last phase is given in {unit}."
        raise RunError(what, where=where, hint=f"Use --{unit} alone, e.g. --{unit} {2 * there}.")
    if wanted == there:
        return []
    if wanted < there:
        hint = f"A run can only become longer: choose more than {there}."
        raise RunError(f"has {there} {unit} already; read --{unit} {wanted}.", where=where, hint=hint)
    if is_stale(progress, recipe.train.early_stopping):
        raise RunError(
            f"was stopped early after epoch {progress.epoch}: its recipe would stop a longer run there, too.",
            where=where,
            hint=f"Start a new run from its weights: pixelwise train RECIPE --from {where}",
        )
    is_cut = progress.epoch == before.epochs and before.is_cut(before.epochs - 1)
    longer = (last.steps or last.epochs or 0) + wanted - there
    added = (last, _lasting(last, wanted - there)) if is_cut else (_lasting(last, longer),)
    train = recipe.train.model_copy(update={"phases": (*phases[:-1], *added)})
    extended = recipe.model_copy(update={"train": train})
    remarks = [*_differences(recipe, extended, progress, per_epoch)]
    after = f"epoch {progress.epoch}" if not progress.batch else f"step {progress.step:,}"
    note = f"extended from {there:,} to {wanted:,} {unit} after {after}"
    equal = f"ends in the same bytes as a run of {wanted:,} {unit} (on a CPU, with the same threads and versions)"
    return [Change("extended", extended, recipe, f"{note}: {'; '.join(remarks) or equal}", not remarks)]


def length_of(recipe: Recipe, per_epoch: int) -> Length:
    """How long a training is. per_epoch: updates of an epoch."""
    return Length(tuple(p.steps or (p.epochs or 0) * per_epoch for p in recipe.train.phases), per_epoch)


def _lasting(phase: Phase, count: int) -> Phase:
    return phase.model_copy(update={"epochs" if phase.steps is None else "steps": count})


def _differences(before: Recipe, after: Recipe, progress: Progress, per_epoch: int) -> Iterator[str]:
    """Why an extended run is not what a run of this length would be; nothing if it is."""
    train, length = before.train, length_of(before, per_epoch)
    number = len(train.phases) - 1
    over = progress.epoch == length.epochs
    if len(after.train.phases) > len(train.phases):
        yield (
            f"its last epoch was cut short and is over, so the new updates are their own phase, whose schedule "
            f"starts again; the result is that of a run with phases of {length.phases[-1]:,} and "
            f"{after.train.phases[-1].steps:,} steps"
        )
    else:
        done = progress.step - sum(length.phases[:-1])  # updates of the last phase
        item = train.phases[number].schedule or train.schedule
        old, new = (
            build("schedule", item, phase.epochs if phase.steps is None else phase.steps / per_epoch)
            for phase in (train.phases[number], after.train.phases[number])
        )
        if any(old(place) != new(place) for place in (_middle(step, per_epoch) for step in range(done))):
            rate = train.phases[number].learning_rate or train.optimizer.options["learning_rate"]
            last, following = rate * old(_middle(done - 1, per_epoch)), rate * new(_middle(done, per_epoch))
            yield (
                f"the schedule '{item.name}' depends on the length, so the result differs from that of a run planned this "
                f"long; the learning rate goes from {last:.3g} to {following:.3g} and follows the longer schedule from there"
            )
    if over and not length.is_cut(length.epochs - 1) and length.epochs % train.validate_every:
        yield (
            f"epoch {length.epochs} was validated because it was the last one, which may have chosen the best checkpoint; "
            f"a longer run validates every {train.validate_every} epochs"
        )


def _middle(step: int, per_epoch: int) -> float:
    """The place of a phase's update in its schedule, in epochs: as in `fit`."""
    return step // per_epoch + (step % per_epoch + 0.5) / per_epoch
