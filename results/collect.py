"""Write results/<recipe>.json from finished runs over seeds, and docs/results.md from all of them.

    python results/collect.py voc2007/basic_fcn RUN RUN RUN      one recipe's runs, then the page
    python results/collect.py                                    only the page

A run counts only where its recipe is the shipped one, whatever its seed.
"""

import json
import sys
from pathlib import Path

from pixelwise.errors import RunError
from pixelwise.recipe.load import load_recipe, shipped_recipes
from pixelwise.report.results import collect, markdown_table, without_seed
from pixelwise.run.atomic import write_json, write_text
from pixelwise.run.folder import RunFolder

RESULTS = Path(__file__).resolve().parent
PAGE = RESULTS.parent / "docs" / "results.md"
COLUMNS = {
    "voc2007": {
        "pixel_accuracy[void=background]": "pixel accuracy",
        "mean_iou[void=background,absent=skipped]": "mean IoU",
        "mean_iou[void=ignore,absent=skipped]": "mean IoU, void ignored",
        "mean_class_accuracy[void=background,absent=skipped]": "mean class accuracy",
    },
}
KNOWN = {
    "voc2007": """\
Known for perspective (val, void as background): a constant "background" scores .7507 pixel accuracy and .0357 mean IoU;
the course states about .65 and .05 for a naive baseline; students' runs from scratch lie at .69–.77 and .05–.08.
""",
}
HEAD = """\
# Results

Made from `results/*/*.json` by `python results/collect.py`; nothing here is typed by hand. Each number is the mean ± standard
deviation over seeds of one pass over the whole split, from one confusion matrix. There are no test pictures of VOC 2007 with
labels, so every number is **val**; the epoch was chosen on the same pictures by mean IoU, which makes the numbers a little
optimistic. All were counted at 224×224.
"""


def main(arguments: list[str]) -> None:
    if arguments:
        name, runs = arguments[0], [RunFolder.open(Path(run)) for run in arguments[1:]]
        shipped = without_seed(load_recipe(name).model_dump(mode="json"))
        for run in runs:
            if without_seed(run.read("setup")["recipe"]) != shipped:
                raise RunError(f"was not made from the shipped recipe '{name}'.", where=str(run.path))
        write_json(RESULTS / f"{name}.json", collect(name, runs))
    write_text(PAGE, page())


def page() -> str:
    """docs/results.md: a table a data set; a shipped recipe without a result says so."""
    parts = [HEAD]
    for data_set, columns in COLUMNS.items():
        recipes = [name for name in shipped_recipes() if name.startswith(f"{data_set}/")]
        records = [json.loads(f.read_text()) for name in recipes if (f := RESULTS / f"{name}.json").exists()]
        missing = [f"`{name}`: not run" for name in recipes if not (RESULTS / f"{name}.json").exists()]
        parts.append(f"## {data_set}, val\n\n{KNOWN[data_set]}")
        if records:
            parts.append(markdown_table(records, "val", columns))
            parts.append("Machine: " + "; ".join(sorted({m for r in records for m in r["machine"]})) + ".\n")
        if missing:
            parts.append("\n".join(f"- {line}" for line in missing) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main(sys.argv[1:])
