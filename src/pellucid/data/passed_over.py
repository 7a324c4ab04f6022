"""What a source holds that is not in its image set: files of other kinds, a system's own, links; with the reasons."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pellucid.data.file_kinds import ending_of, is_system, picture_signature, remedy_for
from pellucid.ground.outside import visible

__all__ = ["LeftOut", "PassedOver", "PassingOver"]

LISTS = ("pictures", "missing", "notes")


@dataclass(frozen=True)
class LeftOut:
    """An image that could not be read, or something else that was not, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class PassedOver:
    """What was passed over."""

    endings: Mapping[str, int] = field(default_factory=dict)
    """How many files that are no pictures by their ending, such as `.txt`; an empty text for files without one."""

    hidden: int = 0
    """How many hidden files and folders (`.name`)."""

    system: Mapping[str, int] = field(default_factory=dict)
    """How many files and folders of a system's own, such as `@eaDir`, by their name."""

    pictures: tuple[LeftOut, ...] = ()
    """What is passed over and yet a picture, or should be one: `--strict` refuses these."""

    missing: tuple[LeftOut, ...] = ()
    """Files that a table of files and labels names and that are not there, or not read: `--strict` refuses these."""

    notes: tuple[LeftOut, ...] = ()
    """Links that were not followed, names that were read as one, and the like."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON holds them."""
        lists = {name: [asdict(entry) for entry in getattr(self, name)] for name in LISTS}
        return {"endings": dict(self.endings), "hidden": self.hidden, "system": dict(self.system), **lists}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> PassedOver:
        """Read what `to_dict` gave."""
        lists = {name: tuple(LeftOut(**entry) for entry in fields[name]) for name in LISTS if name in fields}
        return cls(**{**fields, **lists})


class PassingOver:
    """Collects what is passed over, each path once, however often it is met."""

    def __init__(self) -> None:
        self._prefix = ""
        self._files: dict[str, str] = {}
        self._hidden: dict[str, str] = {}
        self._pictures: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._notes: dict[tuple[str, str], None] = {}

    def below(self, prefix: str) -> PassingOver:
        """Give a collector of the same collection, for paths that begin behind `prefix`."""
        inner = copy.copy(self)
        inner._prefix = self._prefix + prefix
        return inner

    def file(self, source: str, head: Callable[[], bytes]) -> None:
        """Note a file whose ending is not that of a picture that is read; `head` reads its first bytes."""
        ending = ending_of(source.rsplit("/", 1)[-1])
        reason = remedy_for(ending)
        if reason is None and not ending:
            kind = picture_signature(head())
            reason = kind and f"a {kind} picture whose name has no ending; give it one"
        if reason:
            self._pictures[self._prefix + source] = reason
        else:
            self._files[self._prefix + source] = ending

    def forget(self, source: str) -> None:
        """Take back that a file was passed over, since it is read."""
        self._files.pop(source, None)

    def hidden(self, source: str) -> None:
        """Note a hidden file or folder, or one of a system's own."""
        name = source.rsplit("/", 1)[-1]
        self._hidden[self._prefix + source] = name if is_system(name) else ""

    def picture(self, source: str, reason: str) -> None:
        """Note a picture that is not in the set for another reason than its kind."""
        self._pictures[self._prefix + source] = reason

    def missing(self, source: str, reason: str) -> None:
        """Note a file that a table names and that is not read."""
        self._missing[source] = reason

    def note(self, source: str, reason: str) -> None:
        """Note anything else that a person should know."""
        self._notes[self._prefix + source, reason] = None

    def result(self) -> PassedOver:
        """Give what was collected, in the order of the paths."""
        system = Counter(name for name in self._hidden.values() if name)
        endings = Counter(map(visible, self._files.values()))
        return PassedOver(
            endings=dict(sorted(endings.items(), key=lambda kind: (-kind[1], not kind[0], kind[0]))),
            hidden=sum(not name for name in self._hidden.values()),
            system={visible(name): count for name, count in sorted(system.items())},
            pictures=tuple(
                LeftOut(visible(source), visible(reason)) for source, reason in sorted(self._pictures.items())
            ),
            missing=tuple(LeftOut(visible(source), visible(reason)) for source, reason in self._missing.items()),
            notes=tuple(LeftOut(visible(source), visible(reason)) for source, reason in sorted(self._notes)),
        )
