"""`pellucid demo` says what it will fetch, and consents to Debian's package in the person's name only then."""

from __future__ import annotations

import os

import pytest

import pellucid
from pellucid.cli import main


@pytest.mark.parametrize(
    ("here", "environment", "expected", "told"),
    [
        ((), None, "fashion-mnist with PELLUCID_APT=yes", True),
        ((), "no", "fashion-mnist with PELLUCID_APT=no", False),
        (("fashion-mnist",), None, "fashion-mnist with PELLUCID_APT=None", False),
        (("cifar10",), None, "cifar10 with PELLUCID_APT=None", False),
    ],
)
def test_the_consent_of_the_demo(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    here: tuple[str, ...],
    environment: str | None,
    expected: str,
    told: bool,
) -> None:
    def stopped(data: str, **_: object) -> None:
        """Stand where it would train."""
        raise pellucid.UserError(f"{data} with PELLUCID_APT={os.environ.get('PELLUCID_APT')}")

    monkeypatch.setattr(pellucid, "train", stopped)
    monkeypatch.setattr("pellucid.data.is_here", lambda name: name in here)
    monkeypatch.setenv("PELLUCID_APT", environment or "")
    if environment is None:
        monkeypatch.delenv("PELLUCID_APT")
    assert main(["demo"]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"Error: {expected}\n"
    assert ("Debian's package is fetched by apt-get" in captured.out) == told
