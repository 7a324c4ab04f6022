"""The arithmetic of every operation: shape rule, formula, the trace of one output element and of one gradient element.

`describe` reads an operation off a module and `describe_call` off a function call; `trace` and `trace_gradient`
decompose one number and check it against PyTorch; `record` lists the operations that a network runs,
`summarise` its layers.
"""

import pellucid.arithmetic.rules
import pellucid.arithmetic.showing
import pellucid.arithmetic.table_showing  # noqa: F401 -- registers the views
from pellucid.arithmetic.fields import Field, Seen
from pellucid.arithmetic.layer_table import LayerTable, Row, summarise
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.reading import describe, describe_call, for_function, for_module, for_part_of
from pellucid.arithmetic.recording import RecordedStep, Recording, record, twin_of
from pellucid.arithmetic.result import Check, Terms, Trace, TraceMismatch
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, rule_for, rule_of
from pellucid.arithmetic.tracing import shape_rule, trace, trace_gradient

__all__ = [
    "Call",
    "Check",
    "Decomposition",
    "Field",
    "Formula",
    "LayerTable",
    "LocalDerivatives",
    "NoArithmetic",
    "Operation",
    "RecordedStep",
    "Recording",
    "Row",
    "Rule",
    "Seen",
    "ShapeRule",
    "Terms",
    "Trace",
    "TraceMismatch",
    "describe",
    "describe_call",
    "for_function",
    "for_module",
    "for_part_of",
    "record",
    "rule_for",
    "rule_of",
    "shape_rule",
    "summarise",
    "trace",
    "trace_gradient",
    "twin_of",
]
