"""How far a run of another process is, read from the end of its events.jsonl again and again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixelwise.run.words import number, score_label


@dataclass
class Follower:
    """Steps done and planned of one run, and its best score so far. `look()` reads what is new."""

    file: Path
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    metric: str = ""
    best: float | None = None
    validations: dict[int, dict[str, float | None]] = field(default_factory=dict)  # of each epoch, by key; and `loss`
    _offset: int = field(default=0, repr=False)
    _rest: bytes = field(default=b"", repr=False)

    @property
    def share(self) -> float:
        """Of the planned steps, 0 to 1."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0

    @property
    def words(self) -> str:
        """`epoch 3/20  mean IoU 0.412`: where the run is, and its best score so far."""
        if not self.steps:
            return "starting"
        best = f"  {score_label(self.metric)} {number(self.best)}" if self.best is not None else ""
        return f"epoch {self.epoch}/{self.epochs}{best}"

    def look(self) -> None:
        """Read the events that were written since the last look."""
        try:
            with open(self.file, "rb") as file:
                if file.seek(0, 2) < self._offset:  # a resume has cut off what is about to happen again
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                new = file.read()
        except OSError:
            return
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue  # another process writes: an incomplete line is skipped

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "started":
            self.epochs = event["epochs"]
            self.steps = sum(event.get("phases") or [event["epochs"] * event["steps_per_epoch"]])
        elif kind in ("step", "epoch"):
            self.step, self.epoch = event["step"], event["epoch"]
            if event.get("scores"):
                self.validations[self.epoch] = {**event["scores"], "loss": event["validation"].get("loss")}
        elif kind == "saved" and event["which"] == "best":
            self.metric, self.best = event["metric"], event["value"]
