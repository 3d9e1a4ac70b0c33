"""Numbers that pages state about this repository are those of the repository."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_says_how_many_faults_are_planted() -> None:
    tree = ast.parse((ROOT / "tests/mutations/scratch.py").read_text(encoding="utf-8"))
    (faults,) = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FAULTS"
    )
    assert isinstance(faults, ast.List)
    assert f"plants {len(faults.elts)} faults" in (ROOT / "docs/scratch.md").read_text(encoding="utf-8")
