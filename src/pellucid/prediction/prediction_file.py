"""The table that `predict` writes, as CSV or as JSON lines: a line for each image, added as it is predicted.

    image                its path as it was given, or inside the archive
    answer               the class; `unsure` below the confidence threshold; `unreadable` where there is none
    predicted            the most probable class
    confidence           that class's probability
    reason               why it could not be read
    probability_NAME     a column for each class, in the network's order; in JSON lines `probabilities`, by class
    threshold            the confidence threshold, empty where there is none
    model                tells the weights and their temperature from any others

A program that is killed leaves whole lines, and maybe the beginning of one, which is taken away when the file is
opened again; what has an answer is not predicted again. What was unreadable is tried again, and its line changed where
that gives something else. Lines of another model or threshold are never mixed.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pellucid.ground.errors import UserError
from pellucid.ground.files import replacing
from pellucid.ground.locks import LockHeld, hold_open
from pellucid.ground.outside import csv_cell, from_csv_cell
from pellucid.prediction.classifier import Answer, Classifier, Refusal
from pellucid.prediction.predicting import PredictedImage

__all__ = ["UNREADABLE", "UNSURE", "KeptLine", "PredictionFile", "TableForm", "answer_word", "kept_lines"]

UNSURE, UNREADABLE = "unsure", "unreadable"
FIRST_COLUMNS = ("image", "answer", "predicted", "confidence", "reason")
LAST_COLUMNS = ("threshold", "model")
PREFIX = "probability_"

Form = Literal["csv", "jsonl"]


def answer_word(answer: Answer | Refusal) -> str:
    """Say an answer in one word: the class, `unsure` or `unreadable`."""
    if isinstance(answer, Refusal):
        return UNREADABLE
    return UNSURE if answer.unsure else answer.label


class TableForm:
    """How lines are written and read back."""

    def __init__(self, form: Form, classifier: Classifier) -> None:
        self.form = form
        self.classes = classifier.classes
        self.threshold = "" if classifier.threshold is None else f"{classifier.threshold:.9g}"
        self.model = classifier.model
        self.header = (
            self._cells([*FIRST_COLUMNS, *(PREFIX + name for name in self.classes), *LAST_COLUMNS])
            if form == "csv"
            else ""
        )

    def line(self, image: PredictedImage) -> str:
        """Write one line, its end included."""
        answer, word = image.answer, answer_word(image.answer)
        if self.form == "jsonl":
            return json.dumps(self._fields(image), ensure_ascii=False, allow_nan=False) + "\n"
        if isinstance(answer, Refusal):
            middle = ["", "", csv_cell(answer.reason), *[""] * len(self.classes)]
        else:
            numbers = [f"{number:.9g}" for number in answer.probabilities]
            middle = [csv_cell(answer.label), f"{answer.confidence:.9g}", "", *numbers]
        return self._cells([csv_cell(image.source.name), csv_cell(word), *middle, self.threshold, self.model])

    def read(self, line: str) -> tuple[str, Answer | Refusal]:
        """Read a line back: the image's name, and its answer.

        Raises:
            ValueError, LookupError, TypeError: it is no such line.
            UserError: it is of another model or threshold.
        """
        if self.form == "csv":
            ((name, word, predicted, confidence, reason, *numbers, threshold, model),) = csv.reader([line])
            name, word, predicted, reason = map(from_csv_cell, (name, word, predicted, reason))
        else:
            fields = json.loads(line)
            name, word, reason = fields["image"], fields["answer"], fields.get("reason") or ""
            predicted, confidence = fields.get("predicted") or "", fields.get("confidence")
            numbers = list((fields.get("probabilities") or {}).values())
            threshold = "" if fields["threshold"] is None else f"{fields['threshold']:.9g}"
            model = fields["model"]
        if model != self.model:
            raise UserError(f"is of another model ({model}, and this one is {self.model})")
        if threshold != self.threshold:
            raise UserError(
                f"was made with {_threshold_words(threshold)}, and now there is {_threshold_words(self.threshold)}"
            )
        if not predicted:
            return name, Refusal(reason)
        probabilities = tuple(map(float, numbers))
        if len(probabilities) != len(self.classes):
            raise ValueError("another number of classes")
        is_unsure = word != predicted or float(confidence) < float(threshold or 0)
        return name, Answer(self.classes.index(predicted), predicted, float(confidence), probabilities, is_unsure)

    def _fields(self, image: PredictedImage) -> dict[str, Any]:
        answer = image.answer
        fields: dict[str, Any] = {"image": image.source.name, "answer": answer_word(answer)}
        if isinstance(answer, Refusal):
            fields["reason"] = answer.reason
        else:
            fields |= {
                "predicted": answer.label,
                "confidence": answer.confidence,
                "probabilities": dict(zip(self.classes, answer.probabilities, strict=True)),
            }
        return fields | {"threshold": float(self.threshold) if self.threshold else None, "model": self.model}

    @staticmethod
    def _cells(cells: Sequence[str]) -> str:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue()


@dataclass(frozen=True)
class KeptLine:
    """A line that was there when the file was opened."""

    number: int
    answer: Answer | Refusal


class PredictionFile:
    """One such file, open and locked; lines are added at its end."""

    def __init__(self, path: Path, form: TableForm) -> None:
        """Open it, or begin it.

        Raises:
            UserError: it is another table than this one, or another process writes it.
            OSError: it cannot be opened.
        """
        self.path, self._form = path, form
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = io.FileIO(os.open(path, flags, 0o666), "r+b")
        self._is_regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self._end = 0
        self.kept: dict[str, list[KeptLine]] = defaultdict(list)
        """By image, what the file said when it was opened; several where several have one name."""
        self._corrected: dict[int, str] = {}
        try:
            with self._named_errors():
                if self._is_regular:
                    self._take_over()
                if self._end == 0 and form.header:
                    self._append(form.header)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PredictionFile:
        return self

    def __exit__(self, *_: object) -> None:
        with self._named_errors(), self._file:
            if self._corrected:
                self._write_again()
            elif self._is_regular:
                os.fsync(self._file.fileno())

    def write(self, images: Sequence[PredictedImage]) -> None:
        """Add lines, whole or not at all.

        Raises:
            OSError: the disk is full; the file ends with its last whole line then.
        """
        with self._named_errors():
            self._append("".join(map(self._form.line, images)))

    def correct(self, line: KeptLine, image: PredictedImage) -> None:
        """Put another answer into the place of a line, if it is another; when the file is closed."""
        if line.answer != image.answer:
            self._corrected[line.number] = self._form.line(image)

    def _write_again(self) -> None:
        """Write the whole file beside itself with some lines corrected, then put it in its own place."""
        self._file.seek(0)
        reader = io.BufferedReader(self._file)
        with replacing(Path(os.path.realpath(self.path))) as temporary, open(temporary, "wb") as out:
            for number, raw in enumerate(reader, 1):
                text = self._corrected.get(number)
                out.write(raw if text is None else _encoded(text))
        reader.detach()

    def _append(self, text: str) -> None:
        content = memoryview(_encoded(text))
        rest = content
        try:
            while len(rest):
                rest = rest[self._file.write(rest) :]
        except OSError:
            if self._is_regular:
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise
        self._end += len(content)

    def _take_over(self) -> None:
        """Read what is there, and cut off a line that a killed program left unfinished."""
        try:
            hold_open(self._file)
        except LockHeld:
            raise UserError(
                f"{self.path} is being written by another process; wait for it, or give another file"
            ) from None
        number, at_first = 0, True
        for raw in self._file:
            number += 1
            if at_first:
                at_first = False
                self._check_beginning(raw)
                if self._form.header:
                    if not raw.endswith(b"\n"):
                        break
                    self._end += len(raw)
                    continue
            if not raw.endswith(b"\n"):
                break
            self._keep(number, raw)
            self._end += len(raw)
        self._file.seek(self._end)
        self._file.truncate()

    def _check_beginning(self, raw: bytes) -> None:
        expected = _encoded(self._form.header) or b'{"image": '
        is_whole = raw.endswith(b"\n") and bool(self._form.header)
        fits = raw == expected if is_whole else raw.startswith(expected) or expected.startswith(raw)
        if not fits:
            raise UserError(
                f"{self.path} is there already, and is no table of predictions of these classes; give another file"
            )

    def _keep(self, number: int, raw: bytes) -> None:
        remedy = "give another file, or remove this one"
        try:
            name, answer = self._form.read(raw.decode())
        except UserError as error:
            raise UserError(f"{self.path}: line {number:,} {error}; {remedy}") from None
        except (ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
            raise UserError(f"{self.path} is damaged in line {number:,} ({error}); {remedy}") from error
        self.kept[name].append(KeptLine(number, answer))

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.filename is not None or error.errno is None:
                raise
            raise type(error)(error.errno, error.strerror, str(self.path)) from error


def kept_lines(file: PredictionFile, names: Sequence[str]) -> list[KeptLine | None]:
    """Give for each image the line that was there when the file was opened; None for one that has none."""
    used: dict[str, int] = defaultdict(int)
    lines: list[KeptLine | None] = []
    for name in names:
        kept, position = file.kept.get(name, []), used[name]
        lines.append(kept[position] if position < len(kept) else None)
        used[name] += 1
    return lines


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _threshold_words(threshold: str) -> str:
    return f"the threshold {threshold}" if threshold else "no threshold"
