"""Whose code a run may run: a person's own network lies in the run, and to build it is to run that file.

A run that this installation made is known by a signature: the HMAC-SHA256 of its network's file under a private key,
32 random bytes in the person's own folder for such things. A run from elsewhere has no such signature, and its file is
run only where that was asked for: `--trust`, `open_run(..., trust=True)` or `with trusting():`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from pellucid.ground.errors import UserError, system_error
from pellucid.ground.files import read_whole

__all__ = ["UntrustedNetwork", "is_trusting", "key_file", "sign", "signed_here", "trusting"]

KEY_BYTES = 32
REMEDY = "remove it, and a new one is made; runs of your own then need --trust"


class UntrustedNetwork(UserError):
    """A run's network is code in a file from elsewhere, and nobody said yet that it may be run."""


_trusting: ContextVar[bool] = ContextVar("_trusting", default=False)


@contextlib.contextmanager
def trusting(is_trusted: bool = True) -> Iterator[None]:
    """Let runs run the network's file in them, for the body."""
    token = _trusting.set(is_trusted)
    try:
        yield
    finally:
        _trusting.reset(token)


def is_trusting() -> bool:
    """Whether `trusting` is in force."""
    return _trusting.get()


def key_file() -> Path:
    """Give the file of this installation's private key: in PELLUCID_STATE, else in the system's folder for state.

    Raises:
        UserError: there is no home directory to hold it.
    """
    folder = os.environ.get("PELLUCID_STATE")
    if not folder:
        import platformdirs

        folder = platformdirs.user_state_dir("pellucid", appauthor=False)
    try:
        return Path(folder).expanduser().absolute() / "key"
    except RuntimeError as error:
        raise UserError(
            f"there is no home directory to keep this installation's key in ({error}); set PELLUCID_STATE to a folder "
            "of yours"
        ) from error


def sign(content: bytes, network: str, identity: str) -> str:
    """Sign a network's file for a run; the key is made on first use.

    Raises:
        UserError: there is no place for the key, or the key is damaged.
    """
    return _signature(_read_key() or _make_key(), content, network, identity)


def signed_here(signature: str | None, content: bytes, network: str, identity: str) -> bool:
    """Whether this installation signed these bytes as this run's network; no where it has no key."""
    if signature is None:
        return False
    try:
        key = _read_key()
    except UserError:
        return False
    return key is not None and hmac.compare_digest(_signature(key, content, network, identity), signature)


def _signature(key: bytes, content: bytes, network: str, identity: str) -> str:
    name = network.rpartition(":")[2]
    text = "\n".join(("pellucid network 1", identity, name, hashlib.sha256(content).hexdigest()))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _read_key() -> bytes | None:
    path = key_file()
    try:
        key = read_whole(path, REMEDY)
    except FileNotFoundError:
        return None
    if len(key) != KEY_BYTES:
        raise UserError(
            f"{path}, this installation's key, is damaged ({len(key)} bytes, expected {KEY_BYTES}); {REMEDY}"
        )
    return key


def _make_key() -> bytes:
    """Make the key, readable for its owner alone; of several processes that make one at once, one wins."""
    path = key_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # private: mode 0600
        try:
            with open(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(name, path)  # unlike a rename, fails where there is one by now
            except FileExistsError:
                pass
            except OSError:  # a disk without hard links
                os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"this installation's key cannot be kept: {system_error(error)}; or set PELLUCID_STATE to a folder of yours"
        ) from error
    key = _read_key()
    assert key is not None
    return key
