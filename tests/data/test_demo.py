"""`make demo` says what it will fetch, and consents to Debian's package in the person's name only then."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

import pellucid

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The demo, stopped where it would train."""
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def stopped(data: str, **_: object) -> None:
        raise pellucid.UserError(f"{data} with PELLUCID_APT={os.environ.get('PELLUCID_APT')}")

    monkeypatch.setattr(pellucid, "train", stopped)
    monkeypatch.setattr("sys.argv", ["demo.py"])
    monkeypatch.setenv("PELLUCID_APT", "")
    monkeypatch.delenv("PELLUCID_APT")
    return module


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
    demo: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    here: tuple[str, ...],
    environment: str | None,
    expected: str,
    told: bool,
) -> None:
    monkeypatch.setattr(demo, "is_here", lambda name: name in here)
    if environment is not None:
        monkeypatch.setenv("PELLUCID_APT", environment)
    with pytest.raises(pellucid.UserError, match=expected):
        demo.main()
    assert ("Debian's package is fetched by apt-get" in capsys.readouterr().out) == told
