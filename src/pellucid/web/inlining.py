"""The modules that pages run, joined into one script: no build step, no request.

Every module in `modules/` is a plain ES module that a server can hand out as it is, and that Node can import. A page
that opens from the disk cannot import files, so there they are written one after the other, each after those it
imports, without their import and export words. That holds as long as no two modules define the same name and imports
name each thing as it is called, which is checked here.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from importlib.resources.abc import Traversable
from typing import Any

from markupsafe import Markup

from pellucid.figures.tokens import DARK, TOKENS

__all__ = ["as_json", "joined_modules", "modules_folder", "style_sheet"]

IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w-]+\.js)";\n', re.MULTILINE)
ANY_IMPORT = re.compile(r"^\s*(?:import\b(?!\()|export\s*(?:\{|\*|default\b))", re.MULTILINE)
EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?function|class|const|let)", re.MULTILINE)
DEFINED = re.compile(r"^(?:export\s+)?(?:async\s+)?(?:function\*?|class|const|let)\s+([\w$]+)", re.MULTILINE)
UNSAFE = re.compile(r"</script|<!--", re.IGNORECASE)


def modules_folder() -> Traversable:
    """Where the modules are, for a server to hand out."""
    return importlib.resources.files("pellucid.web") / "modules"


def joined_modules(*names: str) -> Markup:
    """Write modules, and all that they import, as one script in which nothing is imported.

    Args:
        names: such as `page.js`; they are run in this order.

    Raises:
        ValueError: two modules define one name, or a module imports in another way than `import { a } from "./b.js"`.
    """
    order: list[str] = []
    for name in names:
        _visit(name, order, [])
    texts = []
    owners: dict[str, str] = {}
    for name in order:
        source = _source(name)
        for defined in DEFINED.findall(source):
            if defined in owners:
                raise ValueError(f"{owners[defined]} and {name} both define {defined}")
            owners[defined] = name
        for listed, target in IMPORT.findall(source):
            for imported in filter(None, (word.strip() for word in listed.split(","))):
                if owners.get(imported) != target:
                    raise ValueError(f"{name} imports {imported!r} from {target}, which does not define it")
        body = EXPORT.sub("", IMPORT.sub("", source))
        if ANY_IMPORT.search(body):
            raise ValueError(f"{name} imports or exports in a way that cannot be joined")
        if UNSAFE.search(body):
            raise ValueError(f"{name} holds what ends a script in HTML")
        texts.append(f"// {name}\n{body.strip()}\n")
    return Markup("\n".join(texts))  # pellucid's own files, checked above


def _visit(name: str, order: list[str], path: list[str]) -> None:
    if name in path:
        raise ValueError(f"modules import each other in a circle: {' → '.join([*path, name])}")
    if name in order:
        return
    for _, target in IMPORT.findall(_source(name)):
        _visit(target, order, [*path, name])
    order.append(name)


def _source(name: str) -> str:
    return (modules_folder() / name).read_text(encoding="utf-8")


def style_sheet(*names: str, shadow: bool = False) -> Markup:
    """Write style sheets of `modules/` after the colours that every picture of pellucid shares.

    They are light or dark as the system is, or as the attribute `data-theme` of the page says.

    Args:
        names: style sheets of `modules/`.
        shadow: whether for a shadow tree in another's page, whose host then stands for the page.
    """
    texts = [_source(name) for name in names]
    if any("</style" in text.lower() for text in texts):
        raise ValueError("a style sheet holds what ends it in HTML")
    light, dark = _variables(TOKENS), _variables(DARK)
    head = (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=light]{{color-scheme:light}}\n:root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )
    sheet = head + "\n".join(texts)
    if shadow:
        sheet = re.sub(r":root(:not\([^)]*\)|\[[^]]*\])", r":host(\1)", sheet).replace(":root", ":host")
        sheet = re.sub(r"^(?:body|html) \{", ":host {", sheet, flags=re.MULTILINE)
    return Markup(sheet)  # pellucid's own files and colours


def _variables(tokens: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in tokens.items())


def as_json(document: Any) -> Markup:
    """Write JSON that can stand between script tags: nothing in it ends them, whatever a class is called.

    >>> as_json({"name": "</script>"})
    Markup('{"name": "\\\\u003c/script\\\\u003e"}')
    """
    text = json.dumps(document, ensure_ascii=True, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
