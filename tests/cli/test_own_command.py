"""A command added from outside: one file in a folder of commands, and nothing else is touched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pellucid.cli import commands, pellucid

COUNT = '''
import click
from pellucid.cli.command import Command

@click.command(cls=Command, section="Learn", position=9, short_help="Count to N.")
@click.argument("n", type=int)
def count_up(n):
    """Count to N."""
    click.echo(" ".join(map(str, range(1, n + 1))))
'''


@pytest.fixture
def _counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "own_commands"
    folder.mkdir()
    (folder / "count_up.py").write_text(COUNT)
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(folder)])
    yield
    sys.modules.pop("pellucid.cli.commands.count_up", None)


@pytest.mark.usefixtures("_counting")
def test_it_runs_is_listed_in_its_section_and_suggested() -> None:
    assert CliRunner().invoke(pellucid, ["count-up", "3"]).output == "1 2 3\n"
    learn = CliRunner().invoke(pellucid, ["--help"]).output.partition("Learn:")[2].partition("Train:")[0]
    assert learn.rstrip().splitlines()[-1].split() == ["count-up", "Count", "to", "N."]
    assert "Did you mean 'count-up'?" in CliRunner().invoke(pellucid, ["countup", "3"]).output
