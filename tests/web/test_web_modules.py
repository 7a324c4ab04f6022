"""How modules are joined into a page, and the one place that colours come from."""

from __future__ import annotations

import json
import re

import pytest

from pellucid.figures.tokens import DARK, TOKENS
from pellucid.web import as_json, inlining, joined_modules, style_sheet


def test_the_joined_script_imports_nothing_and_defines_each_name_once():
    script = str(joined_modules("page.js"))
    assert not re.search(r"^\s*(import\s*[{*\w]|export\b)", script, re.MULTILINE)
    names = re.findall(r"^(?:async\s+)?(?:function|class|const|let)\s+([\w$]+)", script, re.MULTILINE)
    assert len(names) == len(set(names)) > 100
    assert script.index("// tensor.js") < script.index("// arithmetic.js") < script.index("// page.js")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.js": 'import { x } from "./b.js";\n', "b.js": "export const y = 1;\n"}, "'x' from b.js, which does not"),
        ({"a.js": 'import { y } from "./b.js";\nconst y = 1;\n', "b.js": "export const y = 1;\n"}, "both define y"),
        ({"a.js": 'import * as b from "./b.js";\n', "b.js": ""}, "cannot be joined"),
        ({"a.js": 'import { x as y } from "./b.js";\n', "b.js": "export const x = 1;\n"}, "does not define it"),
        ({"a.js": "export default 3;\n"}, "cannot be joined"),
        ({"a.js": 'const x = "</script>";\n'}, "ends a script"),
        (
            {"a.js": 'import { b } from "./b.js";\nexport const a = 1;\n', "b.js": 'import { a } from "./a.js";\n'},
            "circle: a.js → b.js → a.js",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused(files, message, monkeypatch):
    monkeypatch.setattr(inlining, "_source", lambda name: files[name])
    with pytest.raises(ValueError, match=re.escape(message)):
        joined_modules("a.js")


def test_colours_come_from_the_table_of_all_pictures():
    style = str(style_sheet("page.css"))
    assert f"--positive:{TOKENS['positive']}" in style
    assert f"--negative:{DARK['negative']}" in style
    assert TOKENS.keys() == DARK.keys()
    modules = inlining.modules_folder()
    for file in ("draw.js", "page.css", "unit.js", "layers.js"):
        assert not re.search(r"#[0-9a-f]{6}", (modules / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("table", "surface"), [(TOKENS, "#ffffff"), (DARK, DARK["zero"])])
def test_every_colour_can_be_read_on_the_surface(table, surface):
    for name in ("positive", "negative", "ink", "quiet", "frame", "error"):
        assert contrast(table[name], surface) >= 4.5, name


def contrast(one: str, other: str) -> float:
    lights = sorted((_light(one), _light(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_json_cannot_leave_its_script():
    document = {"</script><img src=x onerror=alert(1)>": ["<!--", "&amp;", "ä\u2028"]}
    text = str(as_json(document))
    assert "<" not in text
    assert ">" not in text
    assert json.loads(text) == document
