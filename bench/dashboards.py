"""The dashboard's statement beside a hand-written one for the same metrics: database time alone."""

import argparse
import statistics
import time

import asyncpg

from bench import postgres
from bench.cases import BUSY_AGENT, FROM, LIMIT, TO, list_cases
from bench.dataset import Dataset, prepare
from bench.statements import Statement, StatementReader
from session_graph.settings import load_settings
from session_graph.store.database import open_database

RUNS = 31
MOST = 1.1

BY_HAND = """
select grouping(d.day, d.slice) as kind, d.day, d.slice,
    count(*) as total_session_count,
    count(*) filter (where d.is_lead) as total_lead_count,
    round(coalesce(sum(d.lead_value) filter (where d.is_opportunity), 0), 2) as total_opportunity_value,
    round(coalesce(sum(d.asr), 0), 2) as total_asr,
    trim_scale(count(*) filter (where d.is_lead and d.is_success and d.assessment is not null)::numeric
        / nullif(count(*) filter (where d.is_lead and d.assessment is not null), 0)) as lead_success_score
from (
    select date_trunc('day', s.started_at) as day, {slice} as slice, s.is_lead, s.is_opportunity, s.is_success,
        s.assessment, s.lead_value, s.asr
    from session s
    where s.account_id = $1 {agent} and s.started_at >= $2 and s.started_at < $3 and not s.is_test and not s.is_archived
) d
group by grouping sets ((), (d.day), (d.slice))
"""


async def compare_statements(arguments: argparse.Namespace) -> None:
    with postgres.running(arguments.url, arguments.rows, arguments.postgresql) as url:
        data = await prepare(url, arguments.rows)
        for case in list_cases(data, {}):
            if case.name.startswith("dashboard"):
                settings = load_settings()
                database = await open_database(url, settings)
                (product,), _ = await StatementReader(data.viewer, database, settings).ask(case.requests[LIMIT])
                await database.close()
                await _compare(url, case.title, product, _by_hand(data, case.name == "dashboard agent"))


def _by_hand(data: Dataset, of_agent: bool) -> Statement:
    if of_agent:
        sql = BY_HAND.format(slice="s.assessment", agent="and s.agent_id = $4")
        return Statement(sql, (data.viewer.account.id, FROM, TO, data.agents[BUSY_AGENT]))
    return Statement(BY_HAND.format(slice="s.agent_id", agent=""), (data.viewer.account.id, FROM, TO))


async def _compare(url: str, title: str, product: Statement, by_hand: Statement) -> None:
    connection = await asyncpg.connect(url, server_settings={"jit": "off", "timezone": "UTC"})
    metrics = [
        sorted((row["total_session_count"], row["total_asr"]) for row in await connection.fetch(each.sql, *each.values))
        for each in (product, by_hand)
    ]
    assert metrics[0] == metrics[1], "the statements differ in what they find"
    taken: dict[str, list[float]] = {"product": [], "by hand": []}
    for number in range(RUNS + 3):
        for name, statement in (("product", product), ("by hand", by_hand)):
            start = time.perf_counter()
            await connection.fetch(statement.sql, *statement.values)
            if number >= 3:
                taken[name].append((time.perf_counter() - start) * 1000)
    own, other = (statistics.median(values) for values in taken.values())
    plan = await connection.fetch(f"explain (analyze, costs off, timing off) {product.sql}", *product.values)
    await connection.close()
    print(f"{title}: product {own:.2f} ms, by hand {other:.2f} ms, ratio {own / other:.2f} (at most {MOST})")
    for (line,) in plan:
        if any(word in line for word in ("Scan", "Heap Fetches", "Execution Time")):
            print(f"    {line.strip()}")
