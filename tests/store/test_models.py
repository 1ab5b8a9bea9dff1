"""The models match the database that the migrations make: every table, every column and its type."""

from collections.abc import Mapping
from typing import Any

import pytest
from tortoise import Tortoise, fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from session_graph.store.database import Database
from session_graph.store.models import TenantModel, TransactionId

pytestmark = pytest.mark.anyio

TYPES: dict[type[fields.Field[Any]], str] = {
    TransactionId: "xid8",
    fields.UUIDField: "uuid",
    fields.TextField: "text",
    fields.CharField: "text",
    fields.SmallIntField: "smallint",
    fields.IntField: "integer",
    fields.BigIntField: "bigint",
    fields.BooleanField: "boolean",
    fields.DatetimeField: "timestamp with time zone",
    fields.DecimalField: "numeric",
    fields.JSONField: "jsonb",
    fields.BinaryField: "bytea",
    ArrayField: "ARRAY",
}
BOOKKEEPING = {"schema_migration", "data_rewrite"}
DIRECTORY = {"account", "api_key", "signing_key"}
"""Tables that are read before the account is known, and so not tenant tables."""

_COLUMNS = """
select c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES' as nullable,
       c.is_generated = 'ALWAYS' as generated
from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
"""

Columns = dict[str, dict[str, tuple[str, bool, bool]]]
"""Type, whether it can be null, and whether it is generated: by table and column."""


@pytest.fixture
async def tables(database: Database) -> Columns:
    found: Columns = {}
    for row in await database.fetch(_COLUMNS):
        described = row["data_type"], row["nullable"], row["generated"]
        found.setdefault(row["table_name"], {})[row["column_name"]] = described
    return found


def models() -> Mapping[str, type[Model]]:
    known: list[type[Model]] = list((Tortoise.apps or {})["session_graph"].values())
    return {model._meta.db_table: model for model in known if not model._meta.abstract}


def type_of(field: fields.Field[Any]) -> str:
    return next(TYPES[base] for base in type(field).__mro__ if base in TYPES)


def describe(model: type[Model]) -> dict[str, tuple[str, bool, bool]]:
    known = model._meta.fields_map
    return {
        column: (type_of(known[name]), known[name].null, known[name].generated)
        for name, column in model._meta.fields_db_projection.items()
    }


async def test_every_table_has_a_model_and_every_model_a_table(tables: Columns) -> None:
    assert set(models()) == set(tables) - BOOKKEEPING


async def test_every_column_has_the_type_of_its_field(tables: Columns) -> None:
    differences = {
        f"{table}.{column}": (described.get(column), tables[table].get(column))
        for table, described in ((table, describe(model)) for table, model in models().items())
        for column in {*described, *tables[table]}
        if described.get(column) != tables[table].get(column)
    }

    assert differences == {}


async def test_every_tenants_table_has_a_tenants_model(tables: Columns) -> None:
    tenants = {table for table, model in models().items() if issubclass(model, TenantModel)}

    assert tenants == {table for table, columns in tables.items() if "account_id" in columns} - DIRECTORY


@pytest.mark.parametrize("call", ["save", "delete", "refresh_from_db"])
async def test_a_tenants_row_cannot_be_read_or_changed_by_its_id_alone(database: Database, call: str) -> None:
    for model in models().values():
        if issubclass(model, TenantModel):
            row = model()
            row._saved_in_db = True
            with pytest.raises(TypeError, match="account_id"):
                await getattr(row, call)()
