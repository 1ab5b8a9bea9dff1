"""The data set: two accounts in a migrated database, the same for the same number of rows.

The first account has 50 agents and a year of sessions: a fifth belongs to the first agent, the rest is spread evenly. A
row takes about 570 bytes. The second account has a tenth as many, so that no index has only one account's rows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from session_graph.access.accounts import facts_of, find_or_create_account
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role, Viewer
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.settings import load_settings
from session_graph.store.database import open_database
from session_graph.store.migration import migrate
from session_graph.store.models import Account, Agent

AGENTS = 50
END = datetime(2026, 11, 20, tzinfo=UTC)
YEAR = timedelta(days=365)
RARE_NAME = "Quillfeather"

FILL = """
insert into session (
    account_id, id, agent_id, channel, started_at, ended_at, session_type, session_type_folded, integration, connector,
    external_id, external_id_folded, contact_name, contact_folded, phone, phone_display, phone_search, email, summary,
    summary_folded, refused, unavailable, units, auto_assessment, actual_result, expected_result, utms, content_hash,
    potential_value, conversion_rate, recognition, money_scale, working_hours, session_length, is_lead, is_opportunity,
    is_test, is_todo, is_archived, human_assessment, conversation_quality, comment, comment_folded, tags,
    recorded_at, updated_at
)
select
    $1::uuid, md5($1::uuid::text || n)::uuid,
    ($2::uuid[])[case when r.a % 100 < 20 then 1 else 1 + r.a % cardinality($2) end],
    (array['VOICE', 'VOICE', 'SMS', 'CHAT'])[1 + r.b % 4], t.at, t.at + make_interval(secs => 20 + r.c % 600),
    y.type, lower(y.type), (array['crm', 'pos', 'web', null])[1 + r.b % 4], 'main', x.id, lower(x.id),
    c.name, lower(c.name), '+1' || (2000000000::bigint + r.c), '+1 ' || (2000000000::bigint + r.c),
    '1' || (2000000000::bigint + r.c),
    case when r.a % 3 = 0 then 'guest' || n || '@example.com' end, s.text, lower(s.text), r.b % 9 = 0, r.b % 11 = 0,
    1 + r.c % 8, (array['YES_A', 'YES_B', 'NO', null])[1 + r.a % 4],
    case when r.a % 4 < 3 then 'The table was booked' end, case when r.a % 4 < 3 then 'A table for the evening' end,
    case when r.b % 5 = 0 then '{"utm_source": "ads", "utm_medium": "cpc"}' else '{}' end::jsonb, '\\x00',
    65 * (1 + r.c % 8), 0.9, 0.3, 2, r.b % 2 = 0, (array['SHORT', 'REGULAR', 'LONG'])[1 + r.c % 3], r.b % 3 > 0,
    r.b % 6 = 1, r.a % 40 = 0, r.c % 10 = 0, r.c % 25 = 0, case when r.a % 20 = 1 then 'NO' end,
    case when r.c % 5 = 0 then 1 + r.a % 5 end, k.comment, lower(k.comment), '{}', t.at, t.at
from generate_series(1, $3::integer) n
cross join lateral (select md5('seed ' || n) as digest) d
cross join lateral (
    select ('x' || substr(d.digest, 1, 7))::bit(28)::integer, ('x' || substr(d.digest, 8, 7))::bit(28)::integer,
        ('x' || substr(d.digest, 15, 7))::bit(28)::integer
) r (a, b, c)
cross join lateral (select date_trunc('second', $4::timestamptz + $5::interval * n / $3::integer)) t (at)
cross join lateral (select (array['booking', 'question', 'complaint', null])[1 + r.b % 4]) y (type)
cross join lateral (select 'CRM-' || n % greatest($3::integer / 3, 1)) x (id)
cross join lateral (
    select (array['Ada', 'Bo', 'Carla', 'Dario', 'Eve', 'Felix', 'Gina', 'Hugo', 'Iris', 'Jon'])[1 + r.a % 10] || ' '
        || case when n % 5000 = 0 then $6 else 'Guest' || r.b % 5000 end
) c (name)
cross join lateral (select case when r.b % 7 = 0 then 'Ring back, "soon"' end) k (comment)
cross join lateral (
    select 'The guest ' || n || ' asked for a table on the terrace, and the agent found one at half past seven for '
        || 1 + r.c % 8 || ' persons; a message with the details was sent.'
) s (text)
"""

INDEXES = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i where i.indrelid = 'session'::regclass and not i.indisprimary
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The database's URL, the number of sessions, and a viewer with a key."""

    url: str
    rows: int
    viewer: Viewer
    key: str
    agents: dict[str, UUID]


async def prepare(url: str, rows: int) -> Dataset:
    """Return the data set of this database, created by the first call, with a new key at each call."""
    await migrate(url)
    database = await open_database(url, load_settings())
    try:
        account = await find_or_create_account(f"bench-{rows}")
        if not await _is_filled(url, account, rows):
            await _fill(url, await find_or_create_account(f"bench-{rows}-other"), rows // 10, 5)
            await _fill(url, account, rows, AGENTS)
        key, row = await create_key(account, Role.BUILDER, name="bench")
        agents = {agent.idn: agent.id for agent in await Agent.filter(account_id=account.id)}
        return Dataset(url, rows, Viewer(facts_of(account), Role.BUILDER, "bench", key_id=row.id), key, agents)
    finally:
        await database.close()


async def find(url: str, rows: int) -> Dataset:
    """Return the existing data set, without a key."""
    database = await open_database(url, load_settings())
    try:
        account = await find_or_create_account(f"bench-{rows}")
        agents = {agent.idn: agent.id for agent in await Agent.filter(account_id=account.id)}
        return Dataset(url, rows, Viewer(facts_of(account), Role.BUILDER, "bench"), "", agents)
    finally:
        await database.close()


async def _is_filled(url: str, account: Account, rows: int) -> bool:
    connection = await asyncpg.connect(url)
    found = await connection.fetchval("select count(*) from session s where s.account_id = $1", account.id)
    await connection.close()
    return bool(found == rows)


async def _fill(url: str, account: Account, rows: int, agents: int) -> None:
    """Insert the rows without indexes and create these afterwards, which takes a third of the time."""
    idns = [f"agent-{number:02}" for number in range(1, agents + 1)]
    wanted = [parse_agent({"idn": idn, "name": idn, "timeZone": "America/New_York"}) for idn in idns]
    await create_missing_agents(account.id, wanted)
    ids = {agent.idn: agent.id for agent in await Agent.filter(account_id=account.id)}
    connection = await asyncpg.connect(url, timeout=60, server_settings={"maintenance_work_mem": "512MB"})
    async with connection.transaction():
        await connection.execute("delete from session s where s.account_id = $1", account.id, timeout=3600)
        indexes = await connection.fetch(INDEXES)
        for index in indexes:
            await connection.execute(f"drop index {index['name']}")
        values = account.id, [ids[idn] for idn in idns], rows, END - YEAR, YEAR, RARE_NAME
        await connection.execute(FILL, *values, timeout=3600)
        for index in indexes:
            await connection.execute(index["definition"], timeout=3600)
    await connection.execute("vacuum (analyze, freeze) session", timeout=3600)
    await connection.execute("checkpoint", timeout=600)
    await connection.close()
