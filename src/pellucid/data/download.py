"""Fetching a named set's files from their published addresses, each checked by its MD5 sum."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pellucid.data.named_set import NamedSet
from pellucid.ground.progress import progress

__all__ = ["NotFetched", "Patience", "download", "fetch"]


class NotFetched(Exception):
    """A set could not be fetched; each argument is what was tried and why it failed."""


@dataclass(frozen=True)
class Patience:
    """When to give up on a server."""

    attempts: int = 3
    pause: float = 1.0
    """Seconds before the second attempt; doubled before each further one."""

    connect: float = 10.0
    """Seconds to wait for a connection."""

    silence: float = 30.0
    """Seconds without a byte after which the server counts as stalled."""


def download(named: NamedSet, folder: Path, patience: Patience | None = None) -> str:
    """Fetch all files of a named set into `folder`; return the address that they came from.

    Each address is tried in turn. An attempt is repeated where that can help: after a stall, a broken connection, a
    server's own fault (5xx) or wrong bytes; not where nobody answers, or the file is not there.

    Raises:
        NotFetched: it lists the reason for each address, or says that there is none.
    """
    if not named.addresses:
        raise NotFetched(f"{named.name} has no published address")
    print(f"Downloading {named.name} ({named.megabytes} MB) ...", file=sys.stderr, flush=True)
    failures: list[str] = []
    for address in named.addresses:
        try:
            for wanted in named.downloads:
                most = 2_000_000 * named.megabytes
                fetch(address + wanted.file, f"md5:{wanted.md5}", folder / wanted.file, most, patience)
        except NotFetched as error:
            failures += error.args
        else:
            return address
    raise NotFetched(*failures)


def fetch(address: str, checksum: str, path: Path, most: int, patience: Patience | None = None) -> None:
    """Fetch one file, under a progress bar; nothing happens where it is there already.

    Args:
        address: of the file.
        checksum: `md5:…` or `sha256:…`, in hexadecimal digits.
        path: where it comes to be, complete or not at all.
        most: bytes; a server that sends more is not listened to any longer.
        patience: when to give up.

    Raises:
        NotFetched: its argument is the reason.
    """
    import pooch
    import requests

    patience = patience or Patience()
    pooch.get_logger().setLevel(logging.WARNING)
    if path.exists():  # from an address that failed at a later file
        return
    for attempt in range(1, patience.attempts + 1):
        with _Bar(f"fetching {path.name}", most) as bar:
            downloader = pooch.HTTPDownloader(
                progressbar=bar, chunk_size=1 << 16, timeout=(patience.connect, patience.silence)
            )
            try:
                pooch.retrieve(address, checksum, fname=path.name, path=path.parent, downloader=downloader)
                return
            except requests.HTTPError as error:
                status = error.response.status_code if error.response is not None else 0
                reason, again = f"the server answers {status}", status >= 500
            except requests.ConnectTimeout:
                reason, again = f"no connection within {patience.connect:g} s", False
            except requests.Timeout:
                reason, again = f"the server was silent for {patience.silence:g} s", True
            except requests.ConnectionError as error:
                reason, again = _connection_reason(error, patience, bar.done)
            except _TooMuchError:
                reason, again = f"it sends more than {most // 1_000_000} MB, far more than the file has", False
            except requests.RequestException as error:
                reason, again = f"the transfer broke off ({_cause(error)})", True
            except ValueError:  # pooch's, for another sum
                reason, again = f"what it sent has another checksum than {checksum.replace(':', ' ', 1)}", True
        if not again or attempt == patience.attempts:
            tries = "" if attempt == 1 else f", {attempt} times"
            raise NotFetched(f"{address}: {reason}{tries}")
        print(f"{path.name}: {reason}; trying again", file=sys.stderr, flush=True)
        time.sleep(patience.pause * 2 ** (attempt - 1))


def _connection_reason(error: Exception, patience: Patience, done: int) -> tuple[str, bool]:
    """Tell a server that cannot be reached from one that stops in the middle, which requests calls the same."""
    if "timed out" in str(error):
        return f"the server was silent for {patience.silence:g} s", True
    if done:
        return f"the transfer broke off ({_cause(error)})", True
    return f"cannot be reached ({_cause(error)})", False


def _cause(error: BaseException) -> str:
    """Return the innermost reason's text: the outer ones repeat it, wrapped."""
    reason = error
    while isinstance(reason.args[0] if reason.args else None, BaseException):
        reason = reason.args[0]
    inner = getattr(reason, "reason", None)
    return str(inner if isinstance(inner, BaseException) else reason).split(">: ")[-1][:200]


class _TooMuchError(Exception):
    """More bytes came than the file can have."""


class _Bar:
    """What pooch wants of a progress bar, on ours; it counts kilobytes, and stops a server that never ends."""

    def __init__(self, description: str, most: int) -> None:
        self._most = most
        self.total = 0
        self.done = 0
        self._description = description
        self._stack = contextlib.ExitStack()
        self._advance: Callable[[int], None] | None = None
        self._complete = False

    def __enter__(self) -> _Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def update(self, count: int) -> None:
        """Note `count` more bytes."""
        if self._complete:
            return
        if self._advance is None:
            self._advance = self._stack.enter_context(progress(self._description, self.total // 1000, "kB"))
        before, self.done = self.done, self.done + count
        if self.done > self._most:
            raise _TooMuchError
        self._advance(self.done // 1000 - before // 1000)

    def reset(self) -> None:
        """Note that all has come: pooch starts the count over only to fill it up."""
        self._complete = True

    def close(self) -> None:
        """Do nothing: the bar closes with its `with` block."""
