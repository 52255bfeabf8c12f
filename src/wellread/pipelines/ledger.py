"""Nothing vanishes: every record ends in an output or in ``rejected.jsonl``, and both are counted.

A ledger counts, for each stage, what came in, what went on, and what was dropped by reason.
``in = on + dropped`` holds for every stage, and `Ledger.open_accounts` names those where it does
not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellread.records import Rejection
from wellread.storage.files import JsonlWriter
from wellread.synthesis.actions import ActionTally, Settled


@dataclass
class Account:
    """The count of one stage."""

    came: int = 0
    went_on: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Counts with reasons sorted by name."""
        return {"in": self.came, "on": self.went_on, "dropped": dict(sorted(self.dropped.items()))}


class Ledger:
    """Accounts by stage; rejections go to `writer` as they come."""

    def __init__(self, writer: JsonlWriter) -> None:
        self._writer = writer
        self.accounts: dict[str, Account] = {}
        self.notes: Counter[str] = Counter()
        self.actions: dict[str, ActionTally] = {}
        self.failures = 0

    def account(self, stage: str) -> Account:
        """The account of `stage`, opened at first use; stages print in that order."""
        return self.accounts.setdefault(stage, Account())

    def keep(self, stage: str, count: int = 1) -> None:
        """Count records that came and went on."""
        account = self.account(stage)
        account.came += count
        account.went_on += count

    def drop(self, rejection: Rejection) -> None:
        """Count and write down a record that came and was dropped."""
        account = self.account(rejection.stage)
        account.came += 1
        account.dropped[rejection.reason] += 1
        self._writer.write(rejection)

    def fail(self, rejection: Rejection, *, lost: bool = True) -> None:
        """Drop a record that a step could not do; it was `lost` unless it was just unfit."""
        self.failures += lost
        self.drop(rejection)

    def count_lost(self, stage: str, harmless: Container[str], allowed: int) -> None:
        """Count a stage's drops as failures, save `harmless` reasons, if more than `allowed`."""
        dropped = self.account(stage).dropped
        lost = sum(count for reason, count in dropped.items() if reason not in harmless)
        self.failures += lost if lost > allowed else 0

    def note(self, rejection: Rejection) -> None:
        """Write down something worth knowing that drops no record, such as a page without text."""
        self.notes[rejection.reason] += 1
        self._writer.write(rejection)

    def settle(self, stage: str, settled: Sequence[Settled]) -> None:
        """Count and, where they were rejected, write down what came of checked pairs."""
        self.actions.setdefault(stage, ActionTally()).add(settled)
        for one in settled:
            if one.rejection is not None:
                self.drop(one.rejection)
        self.keep(stage, sum(one.rejection is None for one in settled))

    def as_json(self) -> dict[str, Any]:
        """All accounts, actions and notes."""
        accounts = {stage: account.as_json() for stage, account in self.accounts.items()}
        notes = dict(sorted(self.notes.items()))
        actions = {stage: tally.as_json() for stage, tally in self.actions.items()}
        return {"stages": accounts, "notes": notes, **({"actions": actions} if actions else {})}
