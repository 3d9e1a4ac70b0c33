"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One kind of fault, with every file that has it.

    severity:  `fatal`: training would stop, or its scores would mean nothing; `warning`: worth a look
    what:      one sentence
    files:     names of samples as `split/name`, or of files
    cure:      what to do
    """

    check: str
    severity: Literal["fatal", "warning"]
    what: str
    files: tuple[str, ...] = ()
    cure: str = ""
