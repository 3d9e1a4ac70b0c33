"""docs/training.md: its Python runs, its recipes are recipes."""

import doctest
import re
from pathlib import Path

import pytest
import torch

from pixelwise.recipe.load import check_recipe, merge, read_tree
from pixelwise.recipe.shipped import find_recipe
from pixelwise.yaml_text import parse

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_python_on_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(block, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    torch.set_num_threads(threads)
    assert not report, "".join(report)


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_the_recipes_on_the_page_are_recipes(block: str, tmp_path: Path) -> None:
    file = tmp_path / "part.yaml"
    file.write_text(block)
    check_recipe(merge(read_tree(find_recipe("quickstart")), parse(file)))
