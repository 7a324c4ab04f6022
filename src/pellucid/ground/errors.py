"""The one error that a person's mistake raises, and the wording all messages share."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

__all__ = ["FULL", "UserError", "did_you_mean", "system_error"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a disk, or a person's share of it, is full."""


class UserError(ValueError):
    """A mistake that the caller can mend; the message says what was given, what was expected, what to do.

    The command line prints the message without a traceback and exits with status 2.

    >>> raise UserError("--epochs is 0; expected a whole number of at least 1")
    Traceback (most recent call last):
        ...
    pellucid.ground.errors.UserError: --epochs is 0; expected a whole number of at least 1
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.problems: tuple[str, ...] = (message,)
        """The mistakes one by one, where several were joined: what a wider list of mistakes takes over."""

    @classmethod
    def all_of(cls, heading: str, problems: Iterable[str]) -> UserError:
        """Join several problems into one error, a line each, so that they are mended in one go."""
        lines = tuple(problems)
        separator = " " if len(lines) == 1 else "\n  - "
        error = cls(f"{heading}:" + "".join(f"{separator}{line}" for line in lines))
        error.problems = lines
        return error


def did_you_mean(given: str, valid: Iterable[str]) -> str:
    """Name the nearest valid name and then all of them.

    >>> did_you_mean("cifar", ["cifar10", "mnist"])
    "did you mean 'cifar10'? (one of: cifar10, mnist)"
    >>> did_you_mean("zzz", ["cifar10", "mnist"])
    'expected one of: cifar10, mnist'
    """
    names = list(valid)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    everything = ", ".join(names)
    return f"did you mean {near[0]!r}? (one of: {everything})" if near else f"expected one of: {everything}"


def system_error(error: OSError) -> str:
    """Say what an error of the operating system means and what to do about it, with the file that it names.

    >>> import errno
    >>> system_error(OSError(errno.ENOSPC, "No space left on device", "runs/a/report.html"))
    'the disk of runs/a/report.html is full; nothing was half-written: make room and try again'
    >>> system_error(PermissionError(errno.EACCES, "Permission denied", "/root/a.png"))
    '/root/a.png: Permission denied; choose a place that you may read and write'
    """
    place = error.filename if error.filename is not None else error.filename2
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in FULL:
        return f"the disk{f' of {place}' if place else ''} is full; nothing was half-written: make room and try again"
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        reason += "; choose a place that you may read and write"
    if error.errno == errno.ENAMETOOLONG and place:
        place, reason = f"{str(place)[:60]}…", f"the name has {len(str(place)):,} characters, more than this disk takes"
    return f"{place}: {reason}" if place else reason
