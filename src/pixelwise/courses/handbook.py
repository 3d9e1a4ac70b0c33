"""The map of all courses as a page of the documentation: question, command, page, trap."""

from __future__ import annotations

from pixelwise.courses.course import COURSES, Course, Question, load_course

HEAD = """\
# The courses

This page maps the questions of four university handouts to commands. The questions are in our own words and in the order of the
handouts. `pixelwise reproduce COURSE` answers all questions of a course on one page that can be read offline:

    pixelwise reproduce                                  # the courses
    pixelwise reproduce voc2007-fcn --plan               # the runs, their minutes, and what is there already
    pixelwise reproduce voc2007-fcn --results            # show the project's results, train the rest
    pixelwise reproduce voc2007-fcn --jobs 2             # train what is missing, two runs at a time
    pixelwise reproduce voc2007-fcn --quick              # a few steps on a few pictures: only to see that everything runs

The same command again continues: finished runs are left alone, interrupted ones are resumed. Finished runs in `runs/` (or in
another folder, `--runs DIR`) that are of the same recipe are used and not repeated. If a run has the name of a recipe and does
not count, because it is not finished or its recipe differs from the shipped one, the command says so. `--no-train` only writes
the page. The page shows each number beside what the handout states, its interval, and the score of a constant guess.

The project's results are in [results.md](results.md); the package has a compact copy of them for `--results`. This page
and those of `reproduce` are made from the same files, `src/pixelwise/courses/handouts/*.yaml`; `python results/collect.py`
writes this one.
"""


def handbook() -> str:
    """docs/courses.md"""
    return "\n".join([HEAD, *(_chapter(name, load_course(name)) for name in COURSES)])


def _chapter(name: str, course: Course) -> str:
    parts = [f"## {course.title}: `{name}`", f"{course.source}. {course.about.strip()}"]
    commands = [f"pixelwise data fetch {data_set}" for data_set in course.fetch] + [
        f"pixelwise reproduce {name} --plan"
    ]
    parts.append(_block(commands))
    for file, text in course.files.items():
        parts.append(f"Some commands read the file `{file}`:")
        parts.append("\n".join(f"    {line}" for line in text.rstrip().splitlines()))
    parts += [_entry(question) for question in course.questions]
    if course.long:
        long = "\n".join(f"* `{recipe}`: {why}." for recipe, why in course.long.items())
        parts.append(f"Not trained without `--long`:\n\n{long}")
    if course.left_out:
        parts.append(f"Left out: {course.left_out}")
    return "\n\n".join(parts) + "\n"


def _entry(question: Question) -> str:
    parts = [f"**{question.number}.** {question.asks.strip()}"]
    if question.all_commands:
        parts.append(_block(question.all_commands))
    parts += [f"Stated: {one.what} {one.value} ({one.source})." for one in question.stated]
    page = question.why.partition("#")[0]
    parts.append(f"Why: [{page}]({question.why})." + (f" Trap: {question.trap.strip()}" if question.trap else ""))
    return "\n\n".join(parts)


def _block(commands: list[str] | tuple[str, ...]) -> str:
    return "\n".join(f"    {command}" for command in commands)
