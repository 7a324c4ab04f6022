"""The arithmetic of every operation: shape rule, formula, the trace of one output element and of one gradient element.

`describe` reads an operation off a module and `describe_call` off a function call; `trace` and `trace_gradient` take
one number apart and check it against PyTorch; `record` lists the operations that a network runs,
`summarise` its layers.
"""

import pellucid.arithmetic.rules  # noqa: F401 -- each family adds itself to the table of rules
from pellucid.arithmetic import showing as _  # noqa: F401 -- registers the views
from pellucid.arithmetic.layer_table import Field, LayerTable, Row, summarise
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.recording import Recording, Step, record, twin_of
from pellucid.arithmetic.result import Check, Terms, Trace, TraceMismatch
from pellucid.arithmetic.rule import Rule, describe, describe_call, for_function, for_module, register_rule, rule_of
from pellucid.arithmetic.tracing import shape_rule, trace, trace_gradient

__all__ = [
    "Call",
    "Check",
    "Field",
    "Formula",
    "LayerTable",
    "NoArithmetic",
    "Operation",
    "Recording",
    "Row",
    "Rule",
    "ShapeRule",
    "Step",
    "Terms",
    "Trace",
    "TraceMismatch",
    "describe",
    "describe_call",
    "for_function",
    "for_module",
    "record",
    "register_rule",
    "rule_of",
    "shape_rule",
    "summarise",
    "trace",
    "trace_gradient",
    "twin_of",
]
