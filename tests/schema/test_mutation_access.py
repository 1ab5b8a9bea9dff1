"""Which role may call which mutation and set which field, in every way that these can be given."""

from collections.abc import Iterable
from typing import Any

import pytest

from session_graph.access.viewer import Role
from session_graph.store.database import Database
from support.access_matrix import EDITABLE, MUTATIONS, PARTNER, PATCH, ROLES, Callers, assert_refused
from support.records import state_of
from support.schema import as_json
from support.statements import Statements

pytestmark = pytest.mark.anyio


PATCH_WAYS = [
    'mutation { updateSession(input: {sessionId: "@session", patch: PATCH}) { errors { code } } }',
    'mutation { updateSessions(input: {target: {ids: ["@session"]}, patch: PATCH, dryRun: true}) { errors { code } } }',
    'mutation { a: updateSession(input: {sessionId: "@session", patch: {}}) { session { id } }'
    ' b: updateSession(input: {sessionId: "@session", patch: PATCH}) { errors { code } } }',
    "mutation { ...a } fragment a on Mutation"
    ' { updateSession(input: {sessionId: "@session", patch: PATCH}) { errors { code } } }',
    'mutation($p: SessionPatch!) { updateSession(input: {sessionId: "@session", patch: $p}) { errors { code } } }',
    "mutation($i: UpdateSessionInput!) { updateSession(input: $i) { errors { code } } }",
]


def patch_variables(callers: Callers, way: str, literal: str) -> dict[str, Any]:
    patch = as_json(literal)
    all_of_them = {"p": patch, "i": {"sessionId": callers.names["@session"], "patch": patch}}
    return {name: value for name, value in all_of_them.items() if f"${name}:" in way}


def patch_of(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{name}: {PATCH[name]}" for name in sorted(names)) + "}"


@pytest.mark.parametrize("role", EDITABLE)
@pytest.mark.parametrize("way", PATCH_WAYS)
async def test_a_field_is_set_or_refused_however_it_is_patched(
    callers: Callers, database: Database, statements: Statements, way: str, role: Role
) -> None:
    refused = {f"SessionPatch.{name}" for name in PATCH.keys() - EDITABLE[role]}
    before = await state_of(database, callers.account)

    await statements.restart()
    whole = patch_of(PATCH)
    if refused:
        answer = await callers.ask(role, way.replace("PATCH", whole), **patch_variables(callers, way, whole))
        assert_refused(answer, role, refused, statements)
        assert await state_of(database, callers.account) == before

    rest = patch_of(EDITABLE[role])
    answer = await callers.ask(role, way.replace("PATCH", rest), **patch_variables(callers, way, rest))
    assert all(payload.get("errors", []) == [] for payload in answer.data.values())


MUTATION_WAYS = [
    "mutation { NAME(ARGUMENTS) { __typename } }",
    "mutation { a: NAME(ARGUMENTS) { __typename } }",
    "mutation { ... on Mutation { ...a } } fragment a on Mutation { NAME(ARGUMENTS) { __typename } }",
    "mutation($yes: Boolean! = true) { __typename NAME(ARGUMENTS) @include(if: $yes) { __typename } }",
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_mutation_is_called_or_forbidden(
    callers: Callers, database: Database, statements: Statements, name: str, role: Role
) -> None:
    allowed, arguments = MUTATIONS[name]
    before = await state_of(database, callers.account)

    for way in MUTATION_WAYS:
        await statements.restart()
        answer = await callers.ask(role, way.replace("NAME", name).replace("ARGUMENTS", arguments))
        if role in allowed:
            assert answer.data
        else:
            assert answer.status == 403
            assert answer.body.keys() == {"errors"}
            (error,) = answer.errors
            assert error["extensions"] == {"code": "FORBIDDEN"}
            assert role in error["message"]
            assert name in error["message"]
            assert [statement for statement in statements if "api_key" not in statement] == []
            assert await state_of(database, callers.account) == before


async def test_a_mutation_that_is_skipped_is_not_called(callers: Callers) -> None:
    answer = await callers.ask(
        PARTNER,
        'mutation { __typename updateAccount(input: {name: "x"}) @skip(if: true) { errors { code } } }',
    )

    assert answer.data == {"__typename": "Mutation"}


async def test_what_stands_before_a_forbidden_mutation_is_not_done_either(callers: Callers, database: Database) -> None:
    before = await state_of(database, callers.account)

    answer = await callers.ask(
        PARTNER,
        'mutation { updateSession(input: {sessionId: "@session", patch: {externalId: "mine"}}) { errors { code } }'
        ' updateAccount(input: {name: "mine"}) { errors { code } } }',
    )

    assert answer.code == "FORBIDDEN"
    assert await state_of(database, callers.account) == before
