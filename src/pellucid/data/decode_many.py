"""Decoding many pictures by several processes, straight into the rows of one images file.

Most are read by all processes side by side. What may need the memory of the whole machine comes afterwards, one at a
time: large pictures, and those whose process was killed. Pictures of more than 8 bits are read twice, first for the
range of their values, then, with one range for all of them, for their pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from pellucid.data.arrays import ImagesFile
from pellucid.data.decode import LARGE_BYTES, PixelFormat
from pellucid.data.memory_bound import available_memory
from pellucid.data.pixel_range import CutOff, DeepValues, PixelRange, set_range
from pellucid.data.worker import MOST_SECONDS, carry_out, how_it_died, took_too_long
from pellucid.data.workers import Workers
from pellucid.ground.cores import usable_cores
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible
from pellucid.ground.progress import progress

__all__ = ["Job", "Outcome", "decode_many"]

CHUNK_IMAGES = 64
CHUNK_BYTES = 8 << 20
IMAGES_A_PROCESS = 128
"""Fewer images than this for each process are decoded faster than another one is started."""

Place = tuple[int, int]
"""`(job, row)`."""


@dataclass(frozen=True)
class Job:
    """The files that become the rows of one images file."""

    out: ImagesFile
    files: Sequence[str]


@dataclass
class Outcome:
    """Which images were broken, whether any had another size, and the range of those of more than 8 bits."""

    broken: dict[Place, str] = field(default_factory=dict)
    """To the reason."""

    other_size: bool = False
    """Whether some image had another size than the target."""

    deep: dict[Place, DeepValues] = field(default_factory=dict)
    """Which have more than 8 bits, and the range of their values."""

    beyond: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """How many pixels have values beyond the range, of how many, where any has."""

    pixel_range: PixelRange | None = None
    """Which of those values are black and white; None where no image is deep."""

    @property
    def cut_off(self) -> CutOff | None:
        """How much lies beyond the range; None where nothing does."""
        if not self.beyond:
            return None
        pixels, in_all = (sum(counts) for counts in zip(*self.beyond.values(), strict=True))
        return CutOff(len(self.beyond), pixels / in_all)


def decode_many(jobs: Sequence[Job], target: PixelFormat, workers: int | None, description: str) -> Outcome:
    """Decode every file of every job into its row.

    What the decoders say about a picture's bytes makes it a broken one, and so does taking longer than `MOST_SECONDS`;
    the others are decoded. Whatever else goes wrong (no right to read it, no memory, a process killed) says nothing
    about the picture and stops everything.

    Raises:
        UserError: a picture's file cannot be read, or a process died at it twice, the second time alone.
        OSError: rows cannot be written.
    """
    total = sum(len(job.files) for job in jobs)
    with progress(description, total) as advance:
        decoding = _Decoding(jobs, workers, Outcome(), advance)
        decoding.everything(target, [(number, row) for number, job in enumerate(jobs) for row in range(len(job.files))])
        outcome = decoding.outcome
        for place in set(outcome.deep) & set(outcome.broken):
            del outcome.deep[place]
        if outcome.deep:
            outcome.pixel_range = target.pixel_range or set_range(outcome.deep.values())
            if target.pixel_range is None:
                decoding.everything(replace(target, pixel_range=outcome.pixel_range), sorted(outcome.deep))
    return outcome


@dataclass
class _Decoding:
    """One run through some of the pictures after another."""

    jobs: Sequence[Job]
    workers: int | None
    outcome: Outcome
    advance: Callable[[int], None]

    def everything(self, target: PixelFormat, places: Sequence[Place]) -> None:
        later: list[Place] = []
        orders = self._orders(target, places)
        for order, answer in self._answers(orders, self._processes(len(places))):
            if "died" in answer:
                later += _places(order)
            else:
                later += self._noted(order, answer)
        alone = [order for place in sorted(later) for order in self._orders(target, [place], alone=True)]
        for order, answer in self._answers(alone, 1):
            if "died" in answer:
                self._died_alone(order, answer["died"], again=True)
            else:
                self._noted(order, answer)

    def _died_alone(self, order: dict[str, Any], status: int, again: bool) -> None:
        """Say that a picture takes too long, or try it once more, or give up."""
        if took_too_long(status):
            reason = f"takes more than {MOST_SECONDS:.0f} seconds of computing to decode"
            self._noted(order, {"broken": [[0, reason]], "other_size": False, "later": [], "deep": [], "beyond": []})
            return
        if not again:
            raise UserError(
                f"{visible(order['files'][0])} cannot be read: the process that decodes it {how_it_died(status)}, "
                "twice, with no other beside it; nothing was kept: close other programs and try again, or remove this "
                "picture"
            )
        ((_, answer),) = self._answers([order], 1)
        if "died" in answer:
            self._died_alone(order, answer["died"], again=False)
        else:
            self._noted(order, answer)

    def _noted(self, order: dict[str, Any], answer: dict[str, Any]) -> list[Place]:
        """Take over what an answer says; return what is left to be read alone."""
        if "error" in answer:
            raise OSError(*answer["error"])
        places = _places(order)
        if "fault" in answer:
            position, text, _ = answer["fault"]
            raise UserError(f"{visible(order['files'][position])} {text}; nothing was kept")
        self.outcome.other_size |= answer["other_size"]
        for position, reason in answer["broken"]:
            self.outcome.broken[places[position]] = reason
        for position, low, high, whole in answer["deep"]:
            self.outcome.deep[places[position]] = DeepValues(low, high, whole)
        for position, pixels, in_all in answer["beyond"]:
            self.outcome.beyond[places[position]] = pixels, in_all
        measured_only = answer["deep"] if order["target"][-1] is None else []
        self.advance(len(places) - len(answer["later"]) - len(measured_only))
        return [places[position] for position in answer["later"]]

    def _answers(self, orders: list[dict[str, Any]], count: int) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
        if not sys.executable:  # inside another program; a decoder that dies takes it along
            yield from ((order, carry_out(order)) for order in orders)
            return
        with Workers(min(count, len(orders)), orders) as answers:
            yield from answers

    def _processes(self, images: int) -> int:
        by_memory = max(1, available_memory() // LARGE_BYTES)
        wanted = self.workers if self.workers is not None else min(usable_cores(), by_memory)
        return max(1, min(wanted, -(-images // IMAGES_A_PROCESS)))

    def _orders(self, target: PixelFormat, places: Sequence[Place], alone: bool = False) -> list[dict[str, Any]]:
        orders = []
        for number, of_job in groupby(places, key=lambda place: place[0]):
            job, rows = self.jobs[number], [row for _, row in of_job]
            at_once = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // job.out.row_bytes))
            for start in range(0, len(rows), at_once):
                chosen = rows[start : start + at_once]
                orders.append(
                    {
                        "job": number,
                        "images": str(job.out.path),
                        "offset": job.out.offset,
                        "rows": chosen,
                        "files": [job.files[row] for row in chosen],
                        "alone": alone,
                        "target": [target.height, target.width, target.channels, target.fit, target.pixel_range],
                    }
                )
        return orders


def _places(order: dict[str, Any]) -> list[Place]:
    return [(order["job"], row) for row in order["rows"]]
