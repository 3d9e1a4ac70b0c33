"""The recipe of a plan as commented YAML: above each choice its reason, and at the end the keys that change it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pixelwise.start.plan import Plan

FIRST = "# Made by `pixelwise start` for the pictures in"
WIDTH = 110


def recipe_text(plan: Plan, estimate: str, name: str) -> str:
    """The text of a recipe. name: of its file; estimate: a sentence."""
    lines = [f"{FIRST} {plan.found.dataset['path']}", f"#   pixelwise train {name}", "#"]
    lines += [line for said in (*plan.found.said, estimate) if said for line in _comment(said)]
    for key, value in plan.tree.items():
        lines += (
            ["", *_part(key, value, plan.reasons)]
            if key in ("data", "train", "model", "augment")
            else _part(key, value, plan.reasons)
        )
    lines += ["", "# Every guess can be changed here, or by repeating the command with KEY=VALUE:"]
    lines += [line for key, what in plan.found.keys.items() for line in _comment(f"  {key}  {what}")]
    return "\n".join([*lines, *_comment("  data.size, train.batch, train.phases.0.epochs, model.encoder, ..."), ""])


def _part(key: str, value: Any, reasons: Mapping[str, str]) -> Iterator[str]:
    if key in reasons:
        yield from _comment(reasons[key])
    if key in ("data", "train"):
        yield f"{key}:"
        for inner, told in value.items():
            if why := reasons.get(f"{key}.{inner}"):
                yield from (f"  {line}" for line in _comment(why))
            yield from (f"  {line}" for line in _value(inner, told))
    else:
        yield from _value(key, value)


def _value(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, list) and value and (isinstance(value[0], dict) or len(_flow(value)) > WIDTH):
        yield f"{key}:"
        yield from (f"  - {_flow(one)}" for one in value)
    elif isinstance(value, dict) and len(_flow(value)) > WIDTH:
        yield f"{key}:"
        yield from (f"  {inner}: {_flow(told)}" for inner, told in value.items())
    else:
        yield f"{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20)
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(text: str) -> list[str]:
    clean = " ".join(text.split()) if not text.startswith("  ") else text
    return textwrap.wrap(clean, WIDTH, initial_indent="# ", subsequent_indent="# ", drop_whitespace=True) or ["#"]
