"""How results are shown: they are plain data, and views of them are registered from above.

A view is a function of one result: its text for a terminal, its HTML for a notebook, its picture. Text and HTML are
registered by the room that made the result, pictures by `figures/`, which is loaded when the first one is asked for.
No result imports what shows it, so that data flows one way.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Shown", "as_figure", "as_html", "as_text", "pictures_of"]

_PICTURES: dict[str, str] = {}


class Shown:
    """A result that shows itself in a terminal, in a notebook and as a picture, by the views registered for its class.

    Names in it that steer a terminal or turn the writing direction are shown as escapes.

    >>> class Answer(Shown):
    ...     number = 42
    >>> @as_text.register
    ... def _(answer: Answer) -> str:
    ...     return f"the answer is {answer.number}"
    >>> print(Answer()), Answer()._repr_html_()
    the answer is 42
    (None, '<pre>the answer is 42</pre>')
    """

    def __str__(self) -> str:
        return visible(as_text(self), keep="\n\t")

    def _repr_html_(self) -> str:
        return visible(str(_view(as_html, self)(self)), keep="\n\t")

    def figure(self) -> Figure:
        """Draw it with matplotlib; the figure's label describes it in words.

        Raises:
            UserError: there is no picture of such a result.
        """
        drawn: Figure = _view(as_figure, self)(self)
        return drawn


@singledispatch
def as_text(result: object) -> str:
    """Write a result for a terminal; `@as_text.register` adds the view of a class."""
    return repr(result)


@singledispatch
def as_html(result: object) -> str:
    """Write a result for a notebook; one without a view of its own is its text."""
    return str(Markup("<pre>{}</pre>").format(str(result)))


@singledispatch
def as_figure(result: object) -> Any:
    """Draw a result; `@as_figure.register` adds the picture of a class."""
    raise UserError(f"there is no picture of a {type(result).__name__}; print it, or take its to_dict()")


def pictures_of(rooms: dict[str, str]) -> None:
    """Say which module draws the results of which room; it is imported when the first picture is asked for."""
    _PICTURES.update(rooms)


def html_of(result: object) -> Markup:
    """Give the HTML of any object: a result's own, or what `str` says of it, escaped."""
    shown = getattr(result, "_repr_html_", None)
    return Markup(shown()) if shown is not None else escape(str(result))


def _view(view: Any, result: object) -> Callable[[Any], Any]:
    """Find the view of a result's class, loading the room's pictures if it is not there yet."""
    fallback = view.dispatch(object)
    if view.dispatch(type(result)) is fallback:
        for kind in type(result).__mro__:
            room = ".".join(kind.__module__.split(".")[:2])
            if room in _PICTURES:
                importlib.import_module(_PICTURES[room])
    found: Callable[[Any], Any] = view.dispatch(type(result))
    return found
