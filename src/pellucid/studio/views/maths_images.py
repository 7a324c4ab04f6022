"""A filter on an image: the run's own image, one that was given, or an example; every sum, and one of them in steps."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid.convolution import (
    EXAMPLES,
    KERNELS,
    PADDING_MODES,
    Convolution,
    filter_image,
    filter_plane,
    named_kernel,
    parse_number,
    step_sentence,
)
from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.studio.answering import Asked, reading
from pellucid.studio.packing import packed
from pellucid.studio.views.maths_answers import FieldMistakes, cells, shown_number
from pellucid.studio.views.maths_pictures import EXAMPLE, ShownPicture, ShownPictures
from pellucid.studio.workplace import Workplace

__all__ = ["routes"]

LONGEST_TEXT = 3_000
MOST_ROWS = 15
"""Rows and columns of a filter."""


@dataclass(frozen=True)
class _Filtering:
    picture: ShownPicture
    kernel_text: str
    kernel: Any
    flip: bool
    border: str
    absolute: bool
    offset: float
    channel: int

    @cached_property
    def convolution(self) -> Convolution:
        return filter_plane(self.picture.plane(self.channel), self.kernel, flip=self.flip, padding_mode=self.border)

    @cached_property
    def written(self) -> NDArray[np.integer[Any]]:
        return filter_image(
            self.picture.pixels,
            self.kernel,
            flip=self.flip,
            padding_mode=self.border,
            absolute=self.absolute,
            offset=self.offset,
        )

    @property
    def highest(self) -> int:
        return int(np.iinfo(self.picture.pixels.dtype).max)


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""
    view = _Images(workplace)
    return [
        reading("/api/maths/kernels", _kernels),
        reading("/api/maths/picture", view.picture),
        reading("/api/maths/file", view.file),
        reading("/api/maths/filter", view.filter),
        reading("/api/maths/window", view.window),
    ]


def _kernels(asked: Asked) -> dict[str, Any]:
    """List the named filters, with their rows as they can be typed, and the examples."""
    listed = []
    for kernel in KERNELS.values():
        share = "" if kernel.divisor == 1 else f"/{kernel.divisor}"
        text = ";".join(",".join(f"{number}{share}" for number in row) for row in kernel.rows)
        listed.append({"name": kernel.name, "about": kernel.about, "text": text})
    examples = [{"name": EXAMPLE + example.name, "about": example.about} for example in EXAMPLES.values()]
    return {"kernels": listed, "examples": examples, "borders": list(PADDING_MODES)}


class _Images:
    def __init__(self, workplace: Workplace) -> None:
        self._pictures = ShownPictures(workplace)
        self._held: tuple[ShownPicture, tuple[object, ...], _Filtering] | None = None
        """The latest filtering, of which pixel after pixel is asked for."""

    def picture(self, asked: Asked) -> Response:
        """Give an image's pixels."""
        picture = self._pictures.asked(asked)
        head = {"file": picture.file, "about": picture.about, "highest": int(np.iinfo(picture.pixels.dtype).max)}
        return packed(head, {"pixels": _packable(picture.pixels)})

    def file(self, asked: Asked) -> Response:
        """Give an image as a file, to be saved where the command is to run."""
        content, pixels = io.BytesIO(), self._pictures.asked(asked).pixels
        Image.fromarray(pixels).save(content, "PNG")
        return Response(content.getvalue(), media_type="image/png")

    def filter(self, asked: Asked) -> Response:
        """Filter an image: the sums of one channel, and the image that the command would write."""
        filtering = self._filtering(asked)
        if isinstance(filtering, JSONResponse):
            return filtering
        convolution = filtering.convolution
        head = {
            "kernel": cells(filtering.kernel),
            "aligned": cells(convolution.aligned),
            "least": shown_number(convolution.result.min()),
            "most": shown_number(convolution.result.max()),
            "highest": filtering.highest,
            "channels": filtering.picture.channels,
            "command": _command(filtering),
            "python": _python(filtering),
        }
        return packed(head, {"sums": convolution.result, "written": _packable(filtering.written)})

    def window(self, asked: Asked) -> dict[str, Any] | JSONResponse:
        """Give one sum in steps: the window, the filter above it, the products."""
        filtering = self._filtering(asked)
        if isinstance(filtering, JSONResponse):
            return filtering
        row, column = asked.whole("row"), asked.whole("column")
        height, width = filtering.picture.pixels.shape[:2]
        if not (0 <= row < height and 0 <= column < width):
            raise UserError(
                f"row {row}, column {column} is outside the image; expected up to {height - 1}, {width - 1}"
            )
        convolution = filtering.convolution
        step = convolution.steps[row, column]
        sides = [range(start, start + axis.kernel) for start, axis in zip(step.starts, convolution.axes, strict=True)]
        written = filtering.written.reshape(height, width, -1)[row, column, filtering.channel]
        return {
            "row": row,
            "column": column,
            "starts": list(step.starts),
            "inside": [[0 <= r < height and 0 <= c < width for c in sides[1]] for r in sides[0]],
            "values": cells(step.signal_values),
            "weights": cells(step.kernel_values),
            "products": cells(step.products),
            "value": shown_number(step.value),
            "text": str(step),
            "written": int(written),
            "how": _how(filtering),
            "sentence": f"At row {row}, column {column}: {_lower(step_sentence(convolution, step))}",
        }

    def _filtering(self, asked: Asked) -> _Filtering | JSONResponse:
        picture, mistakes = self._pictures.asked(asked), FieldMistakes()
        text = asked.text("kernel", "sobel-x").strip()
        kernel = mistakes.reading("kernel", lambda: _kernel(text))
        border = mistakes.reading("border", lambda: _border(asked.text("border", "replicate")))
        offset = mistakes.reading("offset", lambda: _offset(asked.text("offset", "0").strip() or "0"))
        channel = mistakes.reading("channel", lambda: _channel(asked.whole("channel", 0), picture.channels))
        if mistakes:
            return mistakes.answer()
        flags = [asked.get(name, "") not in ("", "0") for name in ("flip", "abs")]
        assert border is not None
        assert offset is not None
        assert channel is not None
        key = (text, flags[0], border, flags[1], offset, channel)
        held = self._held
        if held is not None and held[0] is picture and held[1] == key:
            return held[2]
        filtering = _Filtering(picture, text, kernel, flags[0], border, flags[1], offset, channel)
        try:
            _ = filtering.convolution
        except UserError as error:
            mistakes.add("border" if " padding of " in str(error) else "kernel", str(error))
            return mistakes.answer()
        self._held = picture, key, filtering
        return filtering


def _packable(pixels: NDArray[np.integer[Any]]) -> NDArray[Any]:
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32)


def _kernel(text: str) -> Any:
    if not text:
        raise UserError("the filter is empty; expected a name, or rows such as 1,0,-1;2,0,-2;1,0,-1")
    if len(text) > LONGEST_TEXT:
        raise UserError(f"the filter has {len(text):,} characters; expected at most {LONGEST_TEXT:,} on this page")
    kernel = named_kernel(text)
    if max(kernel.shape) > MOST_ROWS:
        raise UserError(f"the filter has the shape {kernel.shape}; expected at most {MOST_ROWS} rows and columns here")
    return kernel


def _border(text: str) -> str:
    if text not in PADDING_MODES:
        raise UserError(f"border is {text!r}; {did_you_mean(text, PADDING_MODES)}")
    return text


def _offset(text: str) -> float:
    offset = parse_number(text, "the offset")
    if not np.isfinite(offset):
        raise UserError(f"the offset is {offset}; expected a finite number")
    return offset


def _channel(channel: int, channels: int) -> int:
    if not 0 <= channel < max(3, channels):
        raise UserError(f"channel is {channel}; expected 0, 1 or 2")
    return min(channel, channels - 1)  # grey images have only one, whichever was chosen for the image before


def _how(filtering: _Filtering) -> str:
    """Say how a sum becomes a pixel."""
    parts = ["its sign is dropped"] if filtering.absolute else []
    parts += [f"{filtering.offset:g} is added"] if filtering.offset else []
    parts += [f"rounded and clipped to 0–{filtering.highest}"]
    return ", ".join(parts)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _command(filtering: _Filtering) -> str:
    file = filtering.picture.file
    words = [f"./{file}" if file.startswith("-") else file, "--kernel", filtering.kernel_text]
    words += ["--flip"] if filtering.flip else []
    words += ["--border", filtering.border] if filtering.border != "replicate" else []
    words += ["--abs"] if filtering.absolute else []
    words += [f"--offset={filtering.offset:g}"] if filtering.offset else []
    return command_line("filter", *words, "--out", f"{PurePath(filtering.picture.file).stem}-filtered.png")


def _python(filtering: _Filtering) -> str:
    settings: dict[str, Any] = {"flip": filtering.flip, "absolute": filtering.absolute, "offset": filtering.offset}
    used = {name: value for name, value in settings.items() if value}
    if filtering.border != "replicate":
        used["padding_mode"] = filtering.border
    arguments = ["pixels", f"named_kernel({filtering.kernel_text!r})"]
    arguments += [f"{name}={value!r}" for name, value in used.items()]
    return (
        "import numpy as np\nfrom PIL import Image\nfrom pellucid.convolution import filter_image, named_kernel\n\n"
        f"pixels = np.asarray(Image.open({filtering.picture.file!r}))\nprint(filter_image({', '.join(arguments)}))"
    )
