"""Shape rules of windows: in letters, and with the numbers put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.ground.errors import UserError

__all__ = ["axis_names", "per_axis", "sizes_text", "transposed_length", "window_length", "window_summary"]

WINDOW_RULE = "⌊(L + 2p − d(k−1) − 1)/s⌋ + 1"
CEILED_RULE = "⌈(L + 2p − d(k−1) − 1)/s⌉ + 1, one less when the last window would start past the left padding and input"
TRANSPOSED_RULE = "(L − 1)s − 2p + d(k−1) + output padding + 1"


def axis_names(count: int) -> tuple[str, ...]:
    """Name the axes of an image, or of a signal.

    >>> axis_names(2)
    ('height', 'width')
    """
    return {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}[count]


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    """Repeat one number for each axis, as PyTorch does, or return the numbers given."""
    return (int(value),) * axes if isinstance(value, int) else tuple(int(size) for size in value)


def window_length(
    name: str, length: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int], ceil_mode: bool = False
) -> tuple[int, str]:
    """Return how many windows fit along one axis, and the line that says why; `UserError` when none fits.

    >>> window_length("height", 32, 3, 1, 1, (1, 1))
    (32, 'height: ⌊(32 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 32')
    """
    before, after = padding
    added = f"2·{before}" if before == after else f"{before} + {after}"
    room = length + before + after - dilation * (kernel - 1) - 1
    outputs = (-(-room // stride) if ceil_mode else room // stride) + 1
    open_, close = "⌈⌉" if ceil_mode else "⌊⌋"
    line = f"{open_}({length} + {added} − {dilation}·({kernel}−1) − 1)/{stride}{close} + 1"
    if ceil_mode and (outputs - 1) * stride >= length + before:
        outputs -= 1
        line += " − 1"
    if outputs < 1:
        span = dilation * (kernel - 1) + 1
        raise UserError(
            f"the window spans {span} along the {name} (kernel {kernel}, dilation {dilation}), "
            f"but the padded input has {length + before + after} ({length} + {added}); "
            f"expected an input of at least {max(1, span - before - after)}, or more padding"
        )
    return outputs, f"{name}: {line} = {outputs}"


def transposed_length(
    name: str, length: int, kernel: int, stride: int, dilation: int, padding: int, output_padding: int
) -> tuple[int, str]:
    """Return the length after a transposed convolution, and the line that says why.

    >>> transposed_length("width", 4, 3, 2, 1, 1, 1)
    (8, 'width: (4 − 1)·2 − 2·1 + 1·(3−1) + 1 + 1 = 8')
    """
    outputs = (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    line = f"({length} − 1)·{stride} − 2·{padding} + {dilation}·({kernel}−1) + {output_padding} + 1"
    if outputs < 1:
        raise UserError(f"nothing is left along the {name}: {line} = {outputs}; expected less padding")
    return outputs, f"{name}: {line} = {outputs}"


def window_summary(settings: Mapping[str, Any]) -> str:
    """Write a window's settings in a few words, what is usual left out.

    >>> window_summary({"kernel": (3, 3), "stride": (2, 2), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)})
    '3×3, stride 2, padding 1'
    """
    padding = [side if isinstance(side, int) or side[0] != side[1] else side[0] for side in settings["padding"]]
    words = [sizes_text(settings["kernel"])]
    for name, values, usual in (
        ("stride", settings["stride"], 1),
        ("padding", padding, 0),
        ("dilation", settings["dilation"], 1),
    ):
        if any(value != usual for value in values):
            equal = len(set(map(str, values))) == 1
            words.append(f"{name} {values[0] if equal else sizes_text(values)}")
    return ", ".join(words)


def sizes_text(values: Sequence[object]) -> str:
    """Write sizes side by side.

    >>> sizes_text((3, 5))
    '3×5'
    """
    return "×".join(str(value) for value in values)
