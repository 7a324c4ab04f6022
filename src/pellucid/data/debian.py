"""Taking a named set out of Debian's package of it, where the person agrees: download, unpack beside, copy.

Nothing is installed. Downloading a package needs no root; updating the package lists does, and is done only
as root, only where the lists lack the package, and only with the same consent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pellucid.data.download import NotFetched
from pellucid.data.named_set import DebianPackage, NamedSet

__all__ = ["CONSENT", "from_debian_package"]

CONSENT = "PELLUCID_APT"
"""The environment variable that answers the question beforehand: `yes` or `no`."""

SECONDS = 300


def from_debian_package(named: NamedSet, package: DebianPackage, folder: Path) -> str:
    """Copy a named set's files from Debian's package into `folder`; return the package's file name.

    A person at a terminal is asked first and shown the commands; elsewhere nothing is run unless PELLUCID_APT is `yes`.

    Raises:
        NotFetched: the reason; without consent it says how to give it, and the command to run instead.
    """
    what = f"Debian's package {package.name}"
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        raise NotFetched(f"{what}: this system has no {'apt-get' if apt is None else 'dpkg-deb'}")
    _ask(named, package)
    print(f"Fetching {what} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        work.chmod(0o755)  # apt reads it as a user of its own when we are root
        failure = _run([apt, "download", package.name], work)
        if failure and _is_root():
            failure = _run([apt, "update"], work) or _run([apt, "download", package.name], work)
        if failure:
            hint = "" if _is_root() else "; `sudo apt-get update` may be needed first"
            raise NotFetched(f"{what}: {failure}{hint}")
        packages = list(work.glob("*.deb"))
        if not packages:
            raise NotFetched(f"{what}: apt-get left no package file")
        failure = _run([dpkg, "-x", str(packages[0]), "unpacked"], work)
        if failure:
            raise NotFetched(f"{what}: {failure}")
        inside = work / "unpacked" / package.folder.lstrip("/")
        if not inside.is_dir():
            raise NotFetched(f"{what}: {packages[0].name} has no {package.folder}")
        for file in inside.iterdir():
            shutil.copy(file, folder / file.name)
        return f"Debian package {packages[0].name}"


def _ask(named: NamedSet, package: DebianPackage) -> None:
    """Return where the person agrees to running apt-get, by PELLUCID_APT or at the terminal; else raise NotFetched."""
    what = f"Debian's package {package.name}"
    instead = f"`{'' if _is_root() else 'sudo '}apt-get install {package.name}`"
    command = f"apt-get download {package.name}"
    answer = os.environ.get(CONSENT, "").strip().lower()
    if answer not in ("", "yes", "no"):
        raise NotFetched(f"{what}: {CONSENT} is {answer!r}; expected yes (run `{command}`) or no")
    if not answer and sys.stdin.isatty() and sys.stderr.isatty():
        update = "  apt-get update    (as root, only if the package lists lack it)\n" if _is_root() else ""
        print(
            f"{named.name} could not be downloaded from a published address, but {what} has it.\n"
            f"To unpack it into the cache, without installing it, this would be run:\n  {command}\n{update}"
            "Run it? [y/N] ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        answer = "yes" if sys.stdin.readline().strip().lower() in ("y", "yes") else "no"
        if answer == "no":
            raise NotFetched(f"{what}: not fetched, as you answered; {instead} installs it")
    if answer != "yes":
        reason = f"{CONSENT} is no" if answer else "apt-get is not run unasked"
        raise NotFetched(
            f"{what}: {reason}; run {instead}, or set {CONSENT}=yes to let pellucid run `{command}`"
            f"{' (and `apt-get update` first, if need be)' if _is_root() else ''}"
        )


def _run(command: list[str], folder: Path) -> str:
    """Run a command; return why it failed, or nothing."""
    try:
        completed = subprocess.run(
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
    if completed.returncode == 0:
        return ""
    lines = [line for line in completed.stderr.splitlines() if line.startswith("E: ")] or completed.stderr.splitlines()
    return f"{Path(command[0]).name} {command[1]}: " + (lines[-1].removeprefix("E: ") if lines else "failed")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
