"""The public names of `pellucid`: those of the commands, each with a home, and nothing else."""

from __future__ import annotations

import ast
import inspect

import pytest

import pellucid
from pellucid.cli import command_names

VERBS_WITHOUT_A_FUNCTION = {"completion", "data", "datasets", "demo", "filter", "networks", "recipes", "runs"}
VERBS_OF_ANOTHER_NAME = {"predict": "predictor"}


def test_dir_shows_the_public_names_and_no_more() -> None:
    assert dir(pellucid) == sorted(pellucid.__all__)


@pytest.mark.parametrize("name", pellucid.__all__)
def test_every_public_name_has_a_home_and_says_what_it_is(name: str) -> None:
    value = getattr(pellucid, name)
    assert callable(value)
    assert inspect.getdoc(value)


def test_every_command_is_a_function_of_the_same_name() -> None:
    verbs = set(command_names()) - VERBS_WITHOUT_A_FUNCTION
    assert {VERBS_OF_ANOTHER_NAME.get(verb, verb) for verb in verbs} <= set(pellucid.__all__)


def test_type_checkers_are_told_the_same_homes() -> None:
    tree = ast.parse(inspect.getsource(pellucid))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    told = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(told) == set(pellucid.__all__) == set(pellucid._HOMES)
    for name, (module, name_at_home) in told.items():
        home, _, other = pellucid._HOMES[name].partition(":")
        assert module is not None
        assert f"{module}.".startswith(f"{home}."), name
        assert name_at_home == (other or name), name


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'excites'.*activations"):
        pellucid.excites  # noqa: B018


def test_trace_is_look_and_trace(run) -> None:
    trace = pellucid.trace(run, "test/3", epoch=1)
    assert str(trace) == str(pellucid.look(run, "test/3", epoch=1).trace())
