"""The scores of one split, as a mapping that shows itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from pixelwise.errors import did_you_mean
from pixelwise.run.words import counted, number
from pixelwise.terminal.output import as_text
from pixelwise.terminal.scores import score_table, show_scores
from pixelwise.types import Score, current_key


class Scores(Mapping[str, Score]):
    """The scores of one split by their keys. A plain name such as `mean_iou` means the first score of that name.

    split:       the split that was scored
    checkpoint:  `best` or `last`: the weights
    resolution:  what it was counted at, e.g. `64×64`
    pictures:    how many were scored
    chose_epoch: whether these pictures chose the epoch, which makes their scores a little too good
    losses:      mean losses by name; empty if none was computed
    record:      all of it as JSON values: also the scores of each class, and of a constant guess

    `scores["mean_iou"]` is a `Score` with value, convention, support, and interval over pictures. Raises KeyError for an
    unknown name.
    """

    def __init__(self, split: str, record: Mapping[str, Any]) -> None:
        self.split, self.record = split, record
        self.checkpoint = str(record.get("checkpoint") or "best")
        self.resolution = str(record.get("resolution") or "")
        self.pictures = int(record.get("pictures") or 0)
        self.chose_epoch = bool(record.get("chose_epoch"))
        self.losses: Mapping[str, float | None] = dict(record.get("losses") or {})
        found = [Score.from_record(one) for metric in record.get("metrics") or () for one in metric["scores"]]
        self._by_key = {score.key: score for score in found}
        self._by_name = {score.name: score for score in reversed(found)}

    def __getitem__(self, name: str) -> Score:
        score = self._by_key.get(current_key(name)) or self._by_name.get(name)
        if score is None:
            hint = did_you_mean(name, [*self._by_name, *self._by_key])
            raise KeyError(f"unknown score '{name}'; choose from {', '.join(self._by_key)}. {hint}".strip())
        return score

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __repr__(self) -> str:
        return f"<Scores on {self.split}: {', '.join(f'{s.key} {number(s.value)}' for s in self.values())}>"

    def __str__(self) -> str:
        """The tables that the commands print."""
        return as_text(lambda console: show_scores({"splits": {self.split: self.record}}, console)).strip("\n")

    def _repr_html_(self) -> str:
        said = f"{self.split}, {self.checkpoint} checkpoint, {counted(self.pictures, 'picture')}, counted at {self.resolution}"
        said += f", {self.split} chose the epoch" if self.chose_epoch else ""
        table = score_table(list(self.values()))
        table = table.only(*range(len(table.headings) - 1))  # which is better is not said here
        head = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
        caption = f'<caption style="text-align: left">scores on {escape(said)}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
