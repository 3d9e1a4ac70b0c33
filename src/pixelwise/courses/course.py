"""The declaration of a course: its questions in the order of the handout, each with what answers it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from pixelwise.errors import Problem, RecipeError, did_you_mean, shown
from pixelwise.recipe.schema import Part, Stated
from pixelwise.types import current_key
from pixelwise.yaml_text import parse

HANDOUTS = Path(__file__).resolve().parent / "handouts"
COURSES = ("voc2007-fcn", "cifar10-colourization", "flowers17", "stanford-background", "instances", "cnn-from-scratch")

Key = Annotated[str, AfterValidator(current_key)]


class Question(Part):
    """One question of a handout, in our own words.

    commands:  what answers it besides the trainings. Those of `pixelwise arithmetic` are run and shown on the page
    recipes:   their scores and pictures answer it; each has the command `pixelwise train RECIPE`
    scores:    keys of the scores that are shown; empty: those of the course
    shows:     what is shown of the runs besides scores
    why:       the page of the documentation that explains the answer, e.g. `scores.md#calibration`
    stated:    numbers of the handout or of published solutions that no recipe states already
    trap:      what the handout leaves out or gets wrong, and what people get wrong
    """

    number: str
    asks: str
    commands: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    scores: tuple[Key, ...] = ()
    shows: tuple[Literal["curves", "pictures"], ...] = ()
    why: str
    stated: tuple[Stated, ...] = ()
    trap: str = ""

    @property
    def all_commands(self) -> tuple[str, ...]:
        """The commands that a person would type, the trainings first."""
        return (*(f"pixelwise train {recipe}" for recipe in self.recipes), *self.commands)


class Course(Part):
    """A course.

    fetch:    data sets that `pixelwise data fetch` brings
    scores:   keys of the scores that questions show
    split:    the split of the scores
    guess:    recipe of the constant guess, whose scores are beside those of older results, which do not record a guess
    guesses:  the same as numbers, where they are known without a run: key → value
    long:     recipes that are not trained unless asked for: name → why
    files:    small text files that commands read: name → content
    left_out: parts of the handout that are not answered here
    """

    title: str
    source: str
    about: str
    fetch: tuple[str, ...] = ()
    scores: tuple[Key, ...] = ()
    split: str = ""
    guess: str = ""
    guesses: Mapping[str, float] = Field(default_factory=dict)
    long: Mapping[str, str] = Field(default_factory=dict)
    files: Mapping[str, str] = Field(default_factory=dict)
    left_out: str = ""
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]

    @cached_property
    def recipes(self) -> tuple[str, ...]:
        """Every recipe of the questions, once and in their order; the constant guess is the first."""
        every = [self.guess] if self.guess else []
        return tuple(dict.fromkeys([*every, *(recipe for question in self.questions for recipe in question.recipes)]))


def load_course(name: str) -> Course:
    """A course by its name. Raises RecipeError with what is allowed."""
    if name not in COURSES:
        hint = did_you_mean(name, COURSES) or f"Courses: {', '.join(COURSES)}."
        raise RecipeError(f"unknown course {shown(name)}.", hint=hint)
    file = HANDOUTS / f"{name}.yaml"
    try:
        return Course.model_validate(parse(file))
    except ValidationError as error:
        where = str(file)
        problems = [Problem(f"{where}: {'.'.join(map(str, one['loc']))}", one["msg"]) for one in error.errors()]
        raise RecipeError.all(problems) from error


def is_shown(command: str) -> bool:
    """Whether the page shows the output of a command: arithmetic is fast, and needs neither data nor runs."""
    return shlex.split(command)[:2] == ["pixelwise", "arithmetic"]
