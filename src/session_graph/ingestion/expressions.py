"""JMESPath expressions, checked when their mapping is loaded: syntax, functions, arguments and look-up tables."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from session_graph.ingestion.functions import MappingFunctions, Surroundings


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    compiled: Any

    def evaluate(self, value: Any, surroundings: Surroundings) -> Any:
        """Return what the expression finds in the value. Raises ValueError if it cannot be applied to the value."""
        options = jmespath.Options(custom_functions=MappingFunctions(surroundings))
        try:
            return self.compiled.search(value, options=options)
        except (JMESPathError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise ValueError(str(error)) from None


def compile_expression(text: str, tables: Collection[str]) -> Expression:
    """Return the expression. Raises ValueError if it is wrong, or looks something up in none of these tables."""
    try:
        compiled = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"is not a JMESPath expression: {_first_line(error)}") from None
    for node in _walk(compiled.parsed):
        if node["type"] == "function_expression":
            _check_call(node, tables)
    return Expression(compiled)


def _check_call(node: dict[str, Any], tables: Collection[str]) -> None:
    name, arguments = node["value"], node["children"]
    function = MappingFunctions.FUNCTION_TABLE.get(name)
    if function is None:
        raise ValueError(f"calls {name}(), which is not a function")
    signature = function["signature"]
    is_variadic = bool(signature and signature[-1].get("variadic"))
    if len(arguments) < len(signature) or (len(arguments) > len(signature) and not is_variadic):
        raise ValueError(f"calls {name}() with {len(arguments)} arguments instead of {len(signature)}")
    if name == "lookup":
        table = arguments[0]
        if table["type"] != "literal" or table["value"] not in tables:
            raise ValueError("calls lookup() without the name of a table of this file in its first argument")


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _walk(child)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(": ")
