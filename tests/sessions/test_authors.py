"""Histories tell a key from a token, although both can have the same name."""

from dataclasses import replace

import pytest

from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.errors import InvalidInput
from session_graph.sessions.editing import edit_session, read_history
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.reading import SessionList, count_sessions
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import make_agent, record
from support.viewers import make_viewer
from support.walks import NOW

pytestmark = pytest.mark.anyio


async def test_a_key_and_a_token_of_one_name_are_two_authors(database: Database, account: Account) -> None:
    await make_agent(account)
    first, second = await record(database, account, {}, {})
    key = replace(make_viewer(account), name="acme.ADMIN")
    token = replace(key, key_id=None)
    for viewer, id_ in ((key, first), (token, second)):
        await edit_session(database, viewer, id_, {"humanAssessment": "NO"}, None, frozenset())

    history = await read_history(database, key, [first, second])
    found = {}
    for name in ("acme.ADMIN", "token acme.ADMIN"):
        sessions = SessionList(key, parse_filter({"reviewedBy": [name]}, NOW))
        found[name] = (await count_sessions(database, sessions))[None]

    assert {row["changed_by"] for row in history[first]} == {"acme.ADMIN"}
    assert {row["changed_by"] for row in history[second]} == {"token acme.ADMIN"}
    assert found == {"acme.ADMIN": 1, "token acme.ADMIN": 1}


@pytest.mark.parametrize("name", ["token acme.ADMIN", "Token x", "  TOKEN y", "token  z"])
async def test_no_key_is_named_like_a_token(database: Database, account: Account, name: str) -> None:
    with pytest.raises(InvalidInput, match="must not begin with") as refusal:
        await create_key(account, Role.ADMIN, name=name)

    assert refusal.value.problems[0].path == ("name",)


@pytest.mark.parametrize("name", ["tokens", "token", "my token acme"])
async def test_other_names_with_that_word_are_free(database: Database, account: Account, name: str) -> None:
    _, key = await create_key(account, Role.ADMIN, name=name)

    assert key.name == name
