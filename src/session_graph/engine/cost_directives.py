"""Shows a CostTable in the schema, as the directives of IBM's "GraphQL Cost Directives"."""

from collections.abc import Iterator

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    parse,
)
from graphql.language import ast

from session_graph.engine.cost_table import CostTable, ListSize, Weight

COST = GraphQLDirective(
    "cost",
    [
        DirectiveLocation.OBJECT,
        DirectiveLocation.FIELD_DEFINITION,
        DirectiveLocation.ARGUMENT_DEFINITION,
        DirectiveLocation.INPUT_FIELD_DEFINITION,
        DirectiveLocation.ENUM_VALUE,
    ],
    {
        "weight": GraphQLArgument(GraphQLNonNull(GraphQLString), description="For each object; of a type, each of it."),
        "once": GraphQLArgument(
            GraphQLString, description="For each place in the operation, as one statement serves all objects there."
        ),
    },
    description="What this part of the schema costs. Every other field costs a little: see docs/costs.md.",
)
LIST_SIZE = GraphQLDirective(
    "listSize",
    [DirectiveLocation.FIELD_DEFINITION],
    {
        "assumedSize": GraphQLArgument(GraphQLInt, description="The size without any of the arguments."),
        "slicingArguments": GraphQLArgument(
            GraphQLList(GraphQLNonNull(GraphQLString)),
            description="The arguments that give the size; of a list, its length does.",
        ),
        "sizedFields": GraphQLArgument(
            GraphQLList(GraphQLNonNull(GraphQLString)), description="The fields below that are the lists."
        ),
        "requireOneSlicingArgument": GraphQLArgument(
            GraphQLBoolean, default_value=True, description="Whether exactly one of the arguments must be given."
        ),
    },
    description="How many entries a list is taken to have before it is read.",
)


def declare_directives(schema: GraphQLSchema) -> None:
    """Add the definitions of both directives to a schema."""
    schema.directives = (*schema.directives, COST, LIST_SIZE)


def add_costs(sdl: str, table: CostTable) -> str:
    """Return the printed schema with the directives that the table gives its parts."""
    applied = []
    for coordinate, node in _coordinates(parse(sdl)):
        texts = [_write_weight(weight)] if (weight := table.weights.get(coordinate)) else []
        texts += [_write_size(size)] if (size := table.sizes.get(coordinate)) else []
        if texts:
            assert node.loc
            end = node.loc.end
            if isinstance(node, ast.ObjectTypeDefinitionNode):
                end = sdl.index(" {", _name_end(node))
            applied.append((end, " ".join(["", *texts])))
    for place, text in sorted(applied, reverse=True):
        sdl = sdl[:place] + text + sdl[place:]
    return sdl


def _name_end(node: ast.ObjectTypeDefinitionNode) -> int:
    assert node.name.loc
    return node.name.loc.end


def _coordinates(document: ast.DocumentNode) -> Iterator[tuple[str, ast.Node]]:
    """Yield each part of the schema that may have a directive, with its schema coordinate."""
    for type_ in document.definitions:
        if not isinstance(type_, ast.TypeDefinitionNode):
            continue
        name = type_.name.value
        if isinstance(type_, ast.ObjectTypeDefinitionNode):
            yield name, type_
        if isinstance(type_, ast.EnumTypeDefinitionNode):
            yield from ((f"{name}.{value.name.value}", value) for value in type_.values or ())
        if not isinstance(type_, ast.ObjectTypeDefinitionNode | ast.InputObjectTypeDefinitionNode):
            continue
        for field in type_.fields or ():
            coordinate = f"{name}.{field.name.value}"
            yield coordinate, field
            if isinstance(field, ast.FieldDefinitionNode):
                yield from ((f"{coordinate}({each.name.value}:)", each) for each in field.arguments or ())


def _write_weight(weight: Weight) -> str:
    once = f', once: "{weight.once:g}"' if weight.once else ""
    return f'@cost(weight: "{weight.each:g}"{once})'


def _write_size(size: ListSize) -> str:
    parts = [f"assumedSize: {size.assumed}"]
    for name, values in (("slicingArguments", size.arguments), ("sizedFields", size.sized)):
        if values:
            listed = ", ".join(f'"{value}"' for value in values)
            parts.append(f"{name}: [{listed}]")
    if size.arguments:
        parts.append("requireOneSlicingArgument: false")
    return f"@listSize({', '.join(parts)})"
