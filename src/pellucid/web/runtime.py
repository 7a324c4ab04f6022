"""What runs a network in a browser: ONNX Runtime Web, fetched once into the cache, each of its files pinned."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.download import NotFetched, Patience, fetch
from pellucid.data.places import cache_folder
from pellucid.data.whole_folder import cache_error, whole_folder
from pellucid.ground.errors import UserError

__all__ = ["VERSION", "WebRuntime", "address", "web_runtime"]

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web-{VERSION}.tgz"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
MEGABYTES = 33

SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
FILES = {
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The two that are kept of the package, with their SHA-256."""


@dataclass(frozen=True)
class WebRuntime:
    """ONNX Runtime Web.

    Attributes:
        version: of the package.
        script: an ES module.
        wasm: what it runs.
        licence: its text.
    """

    version: str
    script: bytes
    wasm: bytes
    licence: str


def web_runtime(cache: str | Path | None = None, patience: Patience | None = None) -> WebRuntime:
    """Read the runtime from the cache; the first time its package is fetched, checked, and unpacked there.

    Args:
        cache: the cache folder; None is PELLUCID_CACHE, else the system's own.
        patience: when to give up on the server.

    Raises:
        UserError: it cannot be fetched, which says where to put the package by hand; the cache cannot be written.
    """
    shelf = cache_folder(cache) / "web"
    try:
        folder = whole_folder(
            shelf,
            f"onnxruntime-web-{VERSION}",
            "fetching ONNX Runtime Web",
            is_whole=_is_whole,
            make=lambda partial: _unpack(_package(shelf, partial, patience), partial),
        )
        contents = {name: (folder / name).read_bytes() for name in FILES}
    except OSError as error:
        raise cache_error(shelf, error) from error
    licence = importlib.resources.files("pellucid.web") / "licences" / "onnxruntime-web.txt"
    return WebRuntime(VERSION, contents[SCRIPT], contents[WASM], licence.read_text(encoding="utf-8"))


def address() -> str | None:
    """Give the package's address in the registry that npm uses here; None without npm and without its setting.

    `NPM_CONFIG_REGISTRY` is npm's own setting for it; otherwise npm is asked.
    """
    registry = os.environ.get("NPM_CONFIG_REGISTRY")
    npm = shutil.which("npm")
    if not registry and npm:
        asked = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, timeout=60)
        registry = asked.stdout.strip()
    return f"{registry.rstrip('/')}/onnxruntime-web/-/{PACKAGE}" if registry else None


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() and _digest(folder / name) == digest for name, digest in FILES.items())


def _package(shelf: Path, folder: Path, patience: Patience | None) -> Path:
    """Find the package that somebody put there by hand, or fetch it into `folder`."""
    by_hand = shelf / PACKAGE
    if by_hand.is_file():
        if _digest(by_hand) != SHA256:
            raise UserError(
                f"{by_hand} is not ONNX Runtime Web {VERSION}: its SHA-256 is {_digest(by_hand)}; expected {SHA256}; "
                "remove it, or put the right file there"
            )
        return by_hand
    by_npm = f"npm pack onnxruntime-web@{VERSION}"
    source = address()
    try:
        if source is None:
            raise NotFetched("npm, which knows where its packages are, is not installed here")
        fetch(source, f"sha256:{SHA256}", folder / PACKAGE, 2_000_000 * MEGABYTES, patience)
    except NotFetched as error:
        raise UserError(
            f"ONNX Runtime Web {VERSION} ({MEGABYTES} MB, fetched once) is needed to run a network in a page, and "
            f"could not be fetched: {'; '.join(error.args)}. Without npm or a network, run `{by_npm}` on "
            f"another machine and put the file at {by_hand}"
        ) from error
    return folder / PACKAGE


def _unpack(package: Path, folder: Path) -> None:
    with tarfile.open(package) as archive:
        for name, digest in FILES.items():
            member = archive.extractfile(f"package/dist/{name}")
            content = member.read() if member is not None else b""
            if hashlib.sha256(content).hexdigest() != digest:
                raise UserError(f"{name} in {package} is not as it was published; remove {package} and try again")
            (folder / name).write_bytes(content)
    if package.parent == folder:
        package.unlink()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
