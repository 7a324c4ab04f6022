"""A command that names every mistake of its command line at once, and knows other spellings of its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click
from click.core import iter_params_for_processing

from pellucid.cli.suggestions import nearest_option, spelled_as_declared
from pellucid.ground.errors import UserError

__all__ = ["Command", "CommandLineMistakes"]


class CommandLineMistakes(click.UsageError):
    """Everything that is wrong with a command line, a line each."""

    def __init__(self, errors: Sequence[click.UsageError | UserError], ctx: click.Context) -> None:
        messages = list(dict.fromkeys(map(_sentence, errors)))
        listed = "".join(f"\n  - {message}" for message in messages)
        super().__init__(
            messages[0] if len(messages) == 1 else f"the command line has {len(messages)} mistakes:{listed}", ctx
        )
        self.concerns_values_only = all(map(_concerns_a_value, errors))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the mistakes; how the command is called is shown only where that is what is wrong."""
        if self.concerns_values_only:
            click.echo(f"Error: {self.format_message()}", file=file, err=True)
        else:
            super().show(file)


class Command(click.Command):
    """A click command whose errors come together instead of one at a time.

    Attributes:
        section: the heading it stands under in `pellucid --help`.
        position: its place under that heading.
    """

    def __init__(self, *args: Any, section: str = "", position: int = 0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section, self.position = section, position

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; if that fails, look for whatever else is wrong.

        Raises:
            CommandLineMistakes: something is; each with what was given, what was expected and the nearest valid name.
        """
        words = self._declared(ctx, args)
        if ctx.resilient_parsing and words and words[-1] in self._options(ctx):
            words.pop()  # the shell completes this option's value, and needs the arguments before it
        try:
            return super().parse_args(ctx, list(words))
        except (click.UsageError, UserError) as first:
            if ctx.resilient_parsing:
                raise
            raise CommandLineMistakes(self._mistakes(ctx, words) or [first], ctx) from None

    def _declared(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        options = self._options(ctx)
        end = args.index("--") if "--" in args else len(args)
        return [*(spelled_as_declared(word, options) for word in args[:end]), *args[end:]]

    def _options(self, ctx: click.Context) -> dict[str, click.Option]:
        """Give every option by each of its names."""
        return {
            name: parameter
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }

    def _mistakes(self, ctx: click.Context, words: list[str]) -> list[click.UsageError | UserError]:
        """Parse in a context of its own, going on after each error."""
        with click.Context(self, info_name=ctx.info_name, parent=ctx.parent, **self.context_settings) as trial:
            errors, values, rest, order, is_certain = self._parse_leniently(trial, words)
            for parameter in iter_params_for_processing(order, self.get_params(trial)):
                try:
                    _, rest = parameter.handle_parse_result(trial, values, rest)
                except (click.UsageError, UserError) as error:
                    if is_certain or not isinstance(error, click.MissingParameter):
                        errors.append(error)
            if rest and is_certain:
                words_left = f"argument{'s' * (len(rest) > 1)} ({' '.join(map(str, rest))})"
                errors.append(click.UsageError(f"Got unexpected extra {words_left}.", trial))
        return errors

    def _parse_leniently(
        self, trial: click.Context, words: list[str]
    ) -> tuple[list[click.UsageError | UserError], dict[str, Any], list[str], list[Any], bool]:
        """Leave out each option that click stumbles over, with the value that it seems to have.

        Returns:
            The errors; the values by parameter; the arguments left over; the order of parameters; and whether it is
            certain which words are arguments, which it is not after an unknown option that is near to no other.
        """
        errors: list[click.UsageError | UserError] = []
        is_certain = True
        options = self._options(trial)
        while True:
            try:
                values, rest, order = self.make_parser(trial).parse_args(args=list(words))
                return errors, values, rest, order, is_certain
            except click.NoSuchOption as error:
                near = nearest_option(error.option_name, options)
                errors.append(click.UsageError(f"{error.message}{f' Did you mean {near!r}?' if near else ''}", trial))
                start = _places(error.option_name, words)[0]
                has_its_value = "=" in words[start]
                is_certain = is_certain and (has_its_value or near is not None)
                del words[start]
                if near is not None and not has_its_value:
                    missing = 0 if options[near].is_flag else options[near].nargs
                    while missing and start < len(words) and not words[start].startswith("-"):
                        del words[start]
                        missing -= 1
            except click.BadOptionUsage as error:
                errors.append(error)
                words.pop(_places(error.option_name, words)[-1])


def _places(option: str, words: list[str]) -> list[int]:
    """Find the words that an error is about: the option, `--option=value`, or several short options in one word."""

    def gives(word: str) -> bool:
        is_among_short_ones = len(option) == 2 and word[:1] == "-" and word[1:2] != "-" and option[1] in word
        return word.partition("=")[0] == option or is_among_short_ones

    return [index for index, word in enumerate(words) if gives(word)]


def _sentence(error: click.UsageError | UserError) -> str:
    return " ".join(error.format_message().split()) if isinstance(error, click.UsageError) else str(error)


def _concerns_a_value(error: click.UsageError | UserError) -> bool:
    is_missing = isinstance(error, click.MissingParameter)
    return isinstance(error, UserError) or (isinstance(error, click.BadParameter) and not is_missing)
