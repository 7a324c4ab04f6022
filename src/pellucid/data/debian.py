"""Taking a named set out of Debian's package of it, which needs no root: download, unpack beside, copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pellucid.data.download import NotFetched
from pellucid.data.named import NamedSet

__all__ = ["from_debian_package"]

SECONDS = 300


def from_debian_package(named: NamedSet, folder: Path) -> str:
    """Copy a named set's files from Debian's package into `folder`; return the package's file name.

    The package lists are brought up to date first where the package is not in them and we are root.

    Raises NotFetched with the reason.
    """
    assert named.debian_package is not None
    assert named.debian_folder is not None
    what = f"Debian's package {named.debian_package}"
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        raise NotFetched(f"{what}: this system has no {'apt-get' if apt is None else 'dpkg-deb'}")
    print(f"Fetching {what} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        work.chmod(0o755)  # apt reads it as a user of its own when we are root
        failure = _run([apt, "download", named.debian_package], work)
        if failure and _is_root():
            failure = _run([apt, "update"], work) or _run([apt, "download", named.debian_package], work)
        if failure:
            hint = "" if _is_root() else "; `sudo apt-get update` may be needed first"
            raise NotFetched(f"{what}: {failure}{hint}")
        packages = list(work.glob("*.deb"))
        if not packages:
            raise NotFetched(f"{what}: apt-get left no package file")
        failure = _run([dpkg, "-x", str(packages[0]), "unpacked"], work)
        if failure:
            raise NotFetched(f"{what}: {failure}")
        inside = work / "unpacked" / named.debian_folder.lstrip("/")
        if not inside.is_dir():
            raise NotFetched(f"{what}: {packages[0].name} has no {named.debian_folder}")
        for file in inside.iterdir():
            shutil.copy(file, folder / file.name)
        return f"Debian package {packages[0].name}"


def _run(command: list[str], folder: Path) -> str:
    """Run a command; return why it failed, or nothing."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("E: ")] or done.stderr.splitlines()
    return f"{Path(command[0]).name} {command[1]}: " + (lines[-1].removeprefix("E: ") if lines else "failed")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
