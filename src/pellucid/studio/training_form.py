"""A training as a form asks for it: read from texts, checked by the code that `pellucid train` uses, written as typed.

Nothing is started by this, no image is opened and no file of a network is run.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid.data import DataRequest
from pellucid.data.named_list import named_sets
from pellucid.ground.commands import command_line, place_from_here
from pellucid.ground.devices import pick_device
from pellucid.ground.errors import UserError
from pellucid.networks import NETWORKS, check_name, check_weights, is_own_file
from pellucid.recipes import PRESETS, Recipe, preset, recipe_fields
from pellucid.run import Run
from pellucid.run.epochs import BEST_AND_LAST
from pellucid.studio.trainings import name_problem
from pellucid.training.choosing import chosen
from pellucid.training.request import TrainingRequest

__all__ = ["TrainingForm", "form_of", "offered"]

TEXTS = ("data", "network", "weights", "recipe", "name", "seed", "keep", "size", "channels", "fit", "device")
LONGEST = 4000
"""Letters of a text that a form may hold."""


@dataclass(frozen=True)
class TrainingForm:
    """What a person filled in, and what it comes to."""

    texts: Mapping[str, str]
    settings: Mapping[str, Any]
    """Of the recipe's settings, those that were changed."""
    folder: Path
    """In which the run will be."""

    @classmethod
    def read(cls, document: Mapping[str, Any], folder: Path) -> TrainingForm:
        """Read a form; a text that is no number stays a text, so that the recipe says what it expected.

        Raises:
            UserError: it is no form.
        """
        texts = {name: document.get(name) or "" for name in TEXTS}
        given = document.get("settings") or {}
        if not all(isinstance(text, str) and len(text) <= LONGEST for text in texts.values()):
            raise UserError(f"expected texts of at most {LONGEST} letters for {', '.join(TEXTS)}")
        if not isinstance(given, dict):
            raise UserError("expected the settings as an object")
        texts = {name: text.strip() for name, text in texts.items()}
        if not texts["name"]:
            texts["name"] = free_name(texts, folder)
        kinds = {item.name: type(item.default) for item in recipe_fields()}
        settings = {name: _of_kind(value, kinds.get(name, str)) for name, value in given.items() if value != ""}
        return cls(texts, settings, folder)

    @property
    def directory(self) -> Path:
        """Of the run."""
        return self.folder / self.texts["name"]

    @property
    def words(self) -> list[str]:
        """The command's words after `pellucid`."""
        data = self.texts["data"]
        words = ["train", f"./{data}" if data.startswith("-") else data]
        for name in ("network", "weights", "recipe"):
            words += [f"--{name}", self.texts[name]] if self.texts[name] else []
        for name, value in self.settings.items():
            option = name.replace("_", "-")
            is_switch = isinstance(value, bool)
            words += [f"--{'' if value else 'no-'}{option}"] if is_switch else [f"--{option}", _text(value)]
        for name in ("seed", "keep", "size", "channels", "fit", "device"):
            words += [f"--{name}", self.texts[name]] if self.texts[name] else []
        return [*words, "--out", place_from_here(self.directory)]

    @property
    def command(self) -> str:
        """The command as one types it."""
        return command_line(*self.words)

    @property
    def python(self) -> str:
        """The same call from Python."""
        given: dict[str, Any] = {
            name: self.texts[name] for name in ("network", "weights", "recipe") if self.texts[name]
        }
        given |= self.settings
        given |= {name: _number(self.texts[name]) for name in ("seed", "keep", "channels") if self.texts[name]}
        given |= {"size": _size(self.texts["size"])} if self.texts["size"] else {}
        given |= {name: self.texts[name] for name in ("fit", "device") if self.texts[name]}
        listed = "".join(f", {name}={value!r}" for name, value in given.items())
        return f"run = pellucid.train({self.texts['data']!r}{listed}, out={place_from_here(self.directory)!r})"

    def check(self) -> dict[str, Any]:
        """Look for every mistake that can be seen without opening the images.

        Returns:
            `problems`: for each field, or `general`, what is wrong; `notes`: why a recipe was chosen; `values`: the
            recipe's own settings, before those that were changed; `recipe`: its name; `command` and `python`.
        """
        texts, problems = self.texts, _Problems(self)
        size, channels = texts["size"] or None, texts["channels"] or None
        data = DataRequest(
            source=texts["data"] or ".",
            size=problems.read("size", lambda: _size(size)) if size else None,
            channels=problems.read("channels", lambda: _whole("channels", channels)) if channels else None,
            fit=texts["fit"] or "stretch",
        )
        # A file of one's own is code: it is looked at when the training runs it.
        network = None if is_own_file(texts["network"]) else texts["network"] or None
        request = TrainingRequest(
            data=data,
            network=network,
            weights=(texts["weights"] or None) if network or not texts["network"] else None,
            recipe=texts["recipe"] or None,
            settings=self.settings,
            seed=problems.read("seed", lambda: _whole("seed", texts["seed"] or "0")) or 0,
            device=texts["device"] or "auto",
            out=self.directory,
            keep=_number(texts["keep"]) if texts["keep"] else BEST_AND_LAST,
        )
        notes: list[str] = []
        try:
            request, notes = chosen(request)
            request.check()
        except UserError as error:
            problems.add(error.problems)
        if not texts["data"]:
            problems.put("data", "choose what to train on: a data set, or the path of a folder of images")
        problem = name_problem(texts["name"])
        if problem:
            problems.put("name", problem)
        if network is None and texts["network"] and not Path(texts["network"].rpartition(":")[0]).is_file():
            problems.put("network", f"{texts['network'].rpartition(':')[0]} does not exist; expected a file of Python")
        return {
            "problems": problems.found,
            "notes": notes,
            "recipe": request.recipe if isinstance(request.recipe, str) else None,
            "values": _own_values(request),
            "name": texts["name"],
            "command": self.command,
            "python": "" if problems.found else self.python,
        }


class _Problems:
    """Mistakes, each beside the field that it is about."""

    def __init__(self, form: TrainingForm) -> None:
        self.found: dict[str, list[str]] = {}
        self._form = form
        self._fields = {*TEXTS, *(item.name for item in recipe_fields())}

    def put(self, field: str, problem: str) -> None:
        """Note a mistake."""
        listed = self.found.setdefault(field, [])
        if problem not in listed:
            listed.append(problem)

    def read(self, field: str, reader: Any) -> Any:
        """Read a field; None, and the mistake noted, where it cannot be."""
        try:
            return reader()
        except UserError as error:
            self.put(field, str(error))
            return None

    def add(self, problems: tuple[str, ...]) -> None:
        """Find the field of each of the rooms' own words."""
        texts = self._form.texts
        by_field = {
            "data": self._said(lambda: _raise(DataRequest(source=texts["data"] or ".").source_problem())),
            "network": self._said(lambda: check_name(texts["network"])) if self._is_named() else (),
            "weights": self._said(lambda: check_weights(texts["network"], texts["weights"] or None)),
            "device": self._said(lambda: pick_device(texts["device"] or "auto")),
        }
        for problem in problems:
            about = next((name for name, said in by_field.items() if problem in said), None)
            self.put(about or self._named_in(problem), problem)

    def _is_named(self) -> bool:
        return bool(self._form.texts["network"]) and not is_own_file(self._form.texts["network"])

    def _said(self, action: Any) -> tuple[str, ...]:
        try:
            action()
        except UserError as error:
            return error.problems
        return ()

    def _named_in(self, problem: str) -> str:
        if problem.startswith(str(self._form.directory)):
            return "name"
        if problem.startswith("no recipe is called"):
            return "recipe"
        named = re.match(r"(?:--)?([\w-]+)", problem)
        name = named[1].replace("-", "_") if named else ""
        return name if name in self._fields and name != "data" else "general"


def _raise(problem: str | None) -> None:
    if problem:
        raise UserError(problem)


def _own_values(request: TrainingRequest) -> dict[str, Any]:
    """Give the settings of the recipe as they would be with none of them changed."""
    structural = {name: request.settings[name] for name in ("backbone", "fine_tune") if name in request.settings}
    try:
        return replace(request, settings=structural).changed_recipe().to_dict()
    except UserError:
        return Recipe().to_dict()


def free_name(texts: Mapping[str, str], folder: Path) -> str:
    """Make a name that no run of the folder has, of what it is trained on and with.

    >>> free_name({"data": "photos/cats & dogs.zip", "network": "", "recipe": "strong"}, Path("no-such-folder"))
    'cats-dogs-strong-1'
    """
    network = texts["network"].rpartition(":")[2] or texts["recipe"]
    stems = (Path(texts["data"]).name.partition(".")[0], network)
    stem = "-".join(filter(None, (re.sub(r"[^\w]+", "-", part).strip("-")[:40] for part in stems))) or "run"
    taken = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    taken |= {path.stem for path in (folder / ".trainings").glob("*.log")}
    return next(name for number in range(1, len(taken) + 2) if (name := f"{stem}-{number}") not in taken)


def form_of(run: Run) -> dict[str, Any]:
    """Give the form that a run's training would be asked for with: what differs from its recipe was changed."""
    record = run.record
    name = record.recipe["name"]
    try:
        own = preset(name)
        request = TrainingRequest(data=record.data, network=record.network, recipe=name)
        base = request.changed_recipe().to_dict()
        if record.recipe["fine_tune"] and not own.fine_tune:
            base = replace(request, settings={"fine_tune": True}).changed_recipe().to_dict() | {"fine_tune": False}
    except UserError:  # a recipe from Python
        name, base = "", Recipe().to_dict()
    data, size = record.data, record.data.size
    return {
        "data": str(data.source),
        "network": record.network,
        "weights": record.weights.asked if record.weights else "",
        "recipe": name,
        "seed": str(record.seed) if record.seed else "",
        "keep": "" if record.keep == BEST_AND_LAST else str(record.keep),
        "size": f"{size[0]}x{size[1]}" if size and not data.is_named else "",
        "channels": str(data.channels or ""),
        "fit": "" if data.fit == "stretch" else data.fit,
        "device": "" if record.device == "auto" else record.device,
        "settings": {
            setting: _text(value) if not isinstance(value, bool) else value
            for setting, value in record.recipe.items()
            if setting != "name" and value != base.get(setting)
        },
    }


def offered() -> dict[str, Any]:
    """List what can be chosen: data sets, networks, recipes, and the fields of a recipe."""
    try:
        datasets = named_sets()
    except UserError:  # PELLUCID_DATA is no folder; a path can be typed all the same
        datasets = []
    return {
        "datasets": datasets,
        "networks": [
            {"name": name, "summary": entry.summary, "input": list(entry.default_input)}
            for name, entry in NETWORKS.items()
        ],
        "recipes": [
            {"name": name, "summary": (inspect.getdoc(make) or name).partition("\n")[0], "values": make().to_dict()}
            for name, make in PRESETS.items()
        ],
        "fields": [_field(item) for item in recipe_fields()],
    }


def _field(item: Any) -> dict[str, Any]:
    kind = type(item.default)
    expected = item.metadata["check"][1]
    return {
        "name": item.name,
        "help": item.metadata["help"],
        "expected": expected,
        "default": item.default,
        "kind": kind.__name__,
        "choices": expected.split(" or ") if kind is str else None,
    }


def _of_kind(value: Any, kind: type) -> Any:
    if not isinstance(value, str) or kind is str:
        return value
    text = value.strip().replace("−", "-")
    try:
        if kind is bool:
            return {"yes": True, "no": False, "true": True, "false": False}[text.lower()]
        return int(text) if kind is int else float(text)
    except (ValueError, KeyError):
        return value


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


def _whole(name: str, text: str) -> int:
    number = _number(text)
    if isinstance(number, str):
        raise UserError(f"{name} is {text!r}; expected a whole number of 0 or more")
    return number


def _size(text: str) -> tuple[int, int]:
    parts = [_number(part) for part in text.lower().replace("×", "x").split("x")]
    if not 1 <= len(parts) <= 2 or any(isinstance(part, str) for part in parts):
        raise UserError(f"size is {text!r}; expected pixels like 64, or rows and columns like 48x64")
    return int(parts[0]), int(parts[-1])


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
