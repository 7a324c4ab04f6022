"""The option `--method` of several commands: its choices and their explanations come from the registry of methods.

The registry is loaded when a command's own help or a completion is asked for, not when the command line starts.
"""

from __future__ import annotations

import click

from pellucid.cli.command import Command

__all__ = ["MethodCommand", "MethodName"]


class MethodName(click.ParamType[str]):
    """The name of an attribution method; what is wrong with a name is said where methods are looked up."""

    name = "method"

    def __init__(self, *, several: bool = False) -> None:
        """Several: `all` is a choice too."""
        self.several = several

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """List the choices."""
        return f"[{'|'.join(self._choices())}]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete a name."""
        return [
            click.shell_completion.CompletionItem(choice) for choice in self._choices() if choice.startswith(incomplete)
        ]

    def _choices(self) -> list[str]:
        from pellucid.attribution import METHODS
        from pellucid.attribution.registry import ALL

        return [*([ALL] if self.several else []), *METHODS]


class MethodCommand(Command):
    """A command with `--method`, whose help ends with a line for each method."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the methods, what each computes, and where it was published."""
        from pellucid.attribution import METHODS

        rows = []
        for method in METHODS.values():
            layer = "; takes --layer" if method.takes_layer else ""
            paper = f" ({method.paper})" if method.paper else ""
            rows.append((method.name, f"{method.summary}{paper}{layer}"))
        with formatter.section("Methods"):
            formatter.write_dl(rows)
        super().format_epilog(ctx, formatter)
