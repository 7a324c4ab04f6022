"""`pellucid completion`: let the shell complete commands, options, runs, units and classes."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Choice

__all__ = ["completion"]

LINES = {
    "bash": ("~/.bashrc", 'eval "$(_PELLUCID_COMPLETE=bash_source pellucid)"'),
    "zsh": ("~/.zshrc", 'eval "$(_PELLUCID_COMPLETE=zsh_source pellucid)"'),
    "fish": ("~/.config/fish/completions/pellucid.fish", "_PELLUCID_COMPLETE=fish_source pellucid | source"),
}
"""For each shell the file that it reads at its start, and the line that switches completion on (click's own way)."""


@click.command(
    cls=Command, section="Set up", position=2, short_help="Let the shell complete commands, runs, units and classes."
)
@click.argument("shell", type=Choice(list(LINES)), required=False)
def completion(shell: str | None) -> None:
    """Print the line that switches on completion in your SHELL; without SHELL, in the one you use.

    Completed are commands, options, runs, epochs, data sets, networks, recipes, methods, and a run's units, weights,
    layers and classes.

    \b
    Examples:
      pellucid completion
      pellucid completion bash >> ~/.bashrc
      pellucid completion zsh >> ~/.zshrc
      pellucid completion fish >> ~/.config/fish/completions/pellucid.fish
    """
    used = Path(os.environ.get("SHELL", "")).name
    chosen = shell or (used if used in LINES else "bash")
    file, line = LINES[chosen]
    click.echo(line)
    click.echo(f"Add this line to {file}, then open a new terminal: pellucid completion {chosen} >> {file}", err=True)
