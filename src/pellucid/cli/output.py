"""How commands print: one JSON document, the files they wrote, and letters that a terminal may lack."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, cast

import click

from pellucid.cli.options import json_option
from pellucid.ground.commands import next_lines
from pellucid.ground.notices import notice
from pellucid.ground.outside import visible

__all__ = [
    "READER_GONE",
    "OutputLost",
    "announce",
    "give_up_output",
    "guarded_streams",
    "json_option",
    "log_stream",
    "open_missing_streams",
    "output_problem",
    "print_json",
    "raise_if_output_is_lost",
    "write_what_the_terminal_has",
]

PLAIN = {**dict(zip("─│┌┐└┘├┤┬┴┼×·−–", "-|+++++++++x*--", strict=True)), "…": "...", "→": "->", "≈": "~"}
"""What stands for a character that the terminal's encoding lacks; `?` for any other."""


READER_GONE = "the program that read it has ended"
"""As `head` does; whoever reads no further asked for no more, so commands end without a word then."""

BAR_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What `rich` steers a terminal with; https://en.wikipedia.org/wiki/ANSI_escape_code calls them CSI sequences."""


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; NaN and infinity are refused, since JSON has neither."""
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)
    text = "".join(
        json.dumps(letter)[1:-1] if letter != "\n" and visible(letter) != letter else letter for letter in text
    )
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=True)
    click.echo(text)


def announce(*paths: Path | str) -> None:
    """Say which files were written, in the one way all commands do; on standard error, beside what was asked for."""
    click.echo(f"Wrote {', '.join(map(str, paths))}", err=True)


def announce_next(steps: Iterable[tuple[str, str]]) -> None:
    """Say what may come next, on standard error: pairs of what it is for and the command."""
    click.echo("\n".join(next_lines(steps)), err=True)


def write_what_the_terminal_has() -> None:
    """Let what is printed lose a character that the output's encoding lacks, rather than fail.

    A pipe on Windows, or a terminal in the C locale, has no box-drawing characters.
    """
    codecs.register_error("pellucid-plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="pellucid-plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


class _Guard(io.TextIOBase):
    """Writes to a stream, control characters as escapes: whatever a name holds, no title, colour or cursor changes.

    It hides the stream's bytes, so that `click` prints through it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def for_bars(self) -> TextIO:
        """The same stream for progress bars, which need colours and the cursor (`pellucid.ground.progress`)."""
        return cast(TextIO, _BarGuard(self._stream))

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What the stream does with letters that its encoding lacks."""
        return self._stream.errors

    def write(self, text: str) -> int:
        """Write text, escaped; bytes are refused, as by any text stream."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        self._stream.write(self._escaped(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The number of the stream's file."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Say that it is written to."""
        return True

    def _escaped(self, text: str) -> str:
        return visible(text, keep="\n\t")


class _BarGuard(_Guard):
    """Lets the sequences of colours and of the cursor pass, and no other, such as that of a window's title."""

    def _escaped(self, text: str) -> str:
        parts = BAR_SEQUENCES.split(text)
        sequences = [*BAR_SEQUENCES.findall(text), ""]
        pairs = zip(parts, sequences, strict=True)
        return "".join(visible(part, keep="\n\t\r") + sequence for part, sequence in pairs)


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Escape all control characters that are printed meanwhile but ends of lines and tabs, on both standard streams."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Guard(stream)) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class ClosedOutput(io.TextIOBase):
    """Stands for a standard output that was closed before the program began: whatever is printed fails and is said."""

    encoding = "utf-8"

    def writable(self) -> bool:
        """Say that it may be tried."""
        return True

    def write(self, text: str) -> int:
        """Fail as a closed file does."""
        raise OSError(errno.EBADF, "it is closed")


def open_missing_streams() -> None:
    """Fill the places of closed standard streams, so that no file which is opened later is printed into."""
    if os.name == "posix":
        for number in range(3):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = ClosedOutput()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


class OutputLost(Exception):
    """Standard output took no more; the text says why."""


def raise_if_output_is_lost(error: OSError) -> None:
    """Tell a failed standard output from a failed file: an error of a file names it.

    Raises:
        OutputLost: it was standard output.
    """
    if error.filename is None and error.errno in (errno.EPIPE, errno.EBADF, errno.ENOSPC, errno.EIO):
        raise OutputLost(_lost(error)) from error


def output_problem() -> str | None:
    """Write out what is waiting for standard output; say why where that fails, None where all is written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _lost(error)
    return None


def give_up_output() -> None:
    """Send nowhere what still waits for standard output, so that the end of the program does not fail of it."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _lost(error: OSError) -> str:
    if isinstance(error, BrokenPipeError):
        return READER_GONE
    return error.strerror or str(error)


class _LogStream(io.TextIOBase):
    """What `log_stream` gives."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_lost = False

    def write(self, text: str) -> int:
        """Write, unless the stream has failed before."""
        return self._attempt(lambda: self._stream.write(text)) or len(text)

    def flush(self) -> None:
        """Flush, unless the stream has failed before."""
        self._attempt(self._stream.flush)

    def isatty(self) -> bool:
        """Whether it is a terminal that still takes lines."""
        return not self._is_lost and self._stream.isatty()

    def _attempt(self, act: Callable[[], int | None]) -> int | None:
        if self._is_lost:
            return None
        try:
            return act()
        except OSError as error:
            self._is_lost = True
            if self._stream is sys.stdout:
                give_up_output()
            notice(
                f"the log can no longer be printed ({_lost(error)}); the training goes on, and its log is in the run's "
                "metrics.jsonl"
            )
            return None


def log_stream(stream: TextIO) -> TextIO:
    """Give a stream for a training's log which the training outlives: where it fails, that is said once."""
    return cast(TextIO, _LogStream(stream))
