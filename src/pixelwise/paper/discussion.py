"""The measured part of a report's discussion: baseline, improvements, experiments, and the differences between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Comparison, Group
from pixelwise.compare.judge import Verdict, between, signed
from pixelwise.paper.results import constant_guess, main_columns
from pixelwise.paper.tex import TeX, code, escape
from pixelwise.report.baselines import is_baseline
from pixelwise.run.words import ABSENT, convention_label, counted, interval_label, number
from pixelwise.terminal.table import Table

NO_IMPROVEMENT = TeX("No run trains the network of the baseline in another way.")
NO_EXPERIMENT = TeX("No run has another network.")


@dataclass(frozen=True)
class Part:
    """A sub-section: the measured scores, the differences, and questions that the authors answer."""

    title: str
    label: str
    told: tuple[TeX, ...]
    verdicts: tuple[Verdict, ...]
    asked: tuple[str, ...]

    @property
    def table(self) -> Table | None:
        """A row a difference: what is compared, its size and the two intervals."""
        headings = ("", "score", "difference", "95 % over seeds", "95 % over pictures")
        rows = tuple(map(difference_row, self.verdicts))
        return Table(headings, rows, frozenset({2, 3, 4})) if rows else None

    @property
    def sentences(self) -> list[TeX]:
        """A sentence on what each difference shows."""
        return [TeX(rf"\textbf{{{escape(_names(verdict))}.}} {verdict_words(verdict)}") for verdict in self.verdicts]


@dataclass(frozen=True)
class Roles:
    """The groups of a comparison by their part in the report. references: models that do not look at the picture."""

    baseline: Group
    improvements: tuple[Group, ...]
    experiments: tuple[Group, ...]
    references: tuple[Group, ...]


def roles(comparison: Comparison) -> Roles:
    """The first group is the baseline; the same model trained in other ways is an improvement, another one an experiment."""
    references = tuple(group for group in comparison.groups if is_baseline(group.runs[0].record.setup))
    trained = [group for group in comparison.groups if group not in references] or list(comparison.groups)
    baseline, *others = trained
    same = [group for group in others if _model(group) == _model(baseline)]
    return Roles(
        baseline,
        tuple(same),
        tuple(group for group in others if group not in same),
        tuple(group for group in references if group is not baseline),
    )


def _model(group: Group) -> tuple[str, str]:
    model = group.runs[0].record.setup.get("model") or {}
    return str(model.get("name")), str((model.get("options") or {}).get("encoder") or "")


def parts(comparison: Comparison, verdicts: Sequence[Verdict]) -> list[Part]:
    """The three sub-sections that the handouts ask for."""
    found = roles(comparison)
    whose = {"improvements": found.improvements, "experiments": found.experiments}
    chosen = {name: [v for v in verdicts if v.second in groups] for name, groups in whose.items()}
    references = tuple(v for v in verdicts if v.second in found.references and v.first is found.baseline)
    curves = "What do its loss curves and pictures show?"
    return [
        Part("Baseline", "baseline", (*_scores(comparison, found.baseline), *_guessed(comparison, found)), references,
             ("Why does the baseline score as it does? Which classes or pictures does it get wrong?", curves)),
        Part("Improvements over the baseline", "improvements",
             tuple(_sizes(comparison, found.improvements)) or (NO_IMPROVEMENT,),
             tuple(chosen["improvements"]), _asked(found.improvements, "the change of the training")),
        Part("Experiments", "experiments", tuple(_sizes(comparison, found.experiments)) or (NO_EXPERIMENT,),
             tuple(chosen["experiments"]), _asked(found.experiments, "the other network")),
    ]  # fmt: skip


def _asked(groups: Sequence[Group], what: str) -> tuple[str, ...]:
    if not groups:
        return ()
    return tuple(
        f"{group.letter}: why does {what} change the score by so much, or so little? What do its curves and pictures show? "
        "Benefits and drawbacks?"
        for group in groups
    )


def _sizes(comparison: Comparison, groups: Sequence[Group]) -> Iterator[TeX]:
    for group in groups:
        yield from _scores(comparison, group)


def _scores(comparison: Comparison, group: Group) -> Iterator[TeX]:
    """The main score of a group in a sentence, for each split and size that it was scored at."""
    for column in main_columns(comparison):
        if group.has(column):
            yield TeX(f"{score_sentence(group, column)}.")


def score_sentence(group: Group, column: Column) -> TeX:
    """`The mean IoU of A (fpn) is 0.56 ± 0.01 over 3 seeds (void ignored; val, 213 pictures; 95 % over pictures: …)`"""
    told, first = group.spread(column), group.runs[0]
    value = number(told.mean) + (f" ± {number(told.sd)} over {told.n} seeds" if told.sd is not None else "")
    interval = first.over_pictures(column)
    over = (
        ""
        if told.interval is None
        else f"; 95 % over seeds: {number(told.interval.low)} … {number(told.interval.high)}"
    )
    over += (
        f"; 95 % over pictures: {interval_label(interval)}" if interval is not None and interval.low is not None else ""
    )
    convention = convention_label(column.score.convention)
    beside = "; ".join(filter(None, [convention, f"{column.split}, {counted(column.pictures, 'picture')}"]))
    name = f"{group.letter} ({group.label})"
    return TeX(f"The {escape(column.name)} of {escape(name)} is {escape(value)} ({escape(beside + over)})")


def _guessed(comparison: Comparison, found: Roles) -> Iterator[TeX]:
    for column in main_columns(comparison):
        guess, mean = constant_guess(found.baseline, column), found.baseline.spread(column).mean
        if guess is not None and mean is not None:
            sign = 1 if column.score.higher_is_better else -1
            beats = "better than" if sign * (mean - guess) > 0 else "not better than"
            told = f"A constant guess scores {number(guess)} there: the baseline is {beats} it."
            yield escape(told)


def difference_row(verdict: Verdict) -> tuple[str, ...]:
    """What is compared, the score, the difference and its intervals over seeds and pictures."""
    return (
        _names(verdict),
        verdict.column.name,
        signed(verdict.seeds.value),
        between(verdict.seeds.interval, ABSENT),
        between(verdict.pictures.interval, ABSENT),
    )


def _names(verdict: Verdict) -> str:
    return f"{verdict.second.letter}\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}{verdict.first.letter}"


def verdict_words(verdict: Verdict) -> TeX:
    """A sentence on what a difference shows, without the folders of the machine."""
    words = verdict.words
    for run in (*verdict.first.runs, *verdict.second.runs):
        words = words.replace(str(run.path), run.path.name)
    return escape(words)


def commands(comparison: Comparison) -> list[TeX]:
    """How each run was started, without the folders of the machine."""
    found = []
    for group in comparison.groups:
        for run in group.runs:
            words = [str(word) for word in run.record.environment.get("command") or ()]
            kept = [word for place, word in enumerate(words) if not _is_place(words, place)]
            if kept:
                found.append(code(" ".join(kept)))
    return list(dict.fromkeys(found))


def _is_place(words: Sequence[str], place: int) -> bool:
    options = ("--out", "--data", "--cache", "--resume")
    return words[place].partition("=")[0] in options or (place > 0 and words[place - 1] in options)
