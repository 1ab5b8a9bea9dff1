"""The reference pages say what the code does, and leave nothing out."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType

from conftest import MakeCaller
from session_graph.access.viewer import Role
from session_graph.errors import RequestError
from session_graph.schema.mutation_types import UserErrorCode
from session_graph.schema.schema import build_schema
from session_graph.sessions import saved_views
from session_graph.settings import PREFIX, Settings
from session_graph.store.models import Account
from support.records import make_agent
from tools import reference

PROJECT = Path(__file__).parents[1]
DOCUMENTS = {
    path: path.read_text("utf-8")
    for pattern in ("*.md", "bench/*.md", "docs/*.md", "docs/decisions/*.md")
    for path in PROJECT.glob(pattern)
}
PAGES = {path.name: text for path, text in DOCUMENTS.items() if "<!-- table: " in text}
"""The documents with tables that the code prints."""
SOURCES = (PROJECT / "src" / "session_graph", PROJECT)
SCHEMA = build_schema()._schema


def fields_of(name: str) -> set[str]:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLObjectType | GraphQLInputObjectType)
    return set(found.fields)


def first_column(table: str) -> list[str]:
    """The names in a table, without their backquotes."""
    return [row[0].strip("`") for row in list(reference.TABLES[table]())[1:]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_tables_that_the_code_prints(name: str) -> None:
    assert PAGES[name] == reference.rewrite(PAGES[name]), "run `python -m tools.reference docs`"


def test_every_table_is_in_one_page() -> None:
    marks = [name for page in PAGES.values() for name in re.findall(r"<!-- table: (.+?) -->", page)]

    assert sorted(marks) == sorted(reference.TABLES)
    assert sum(page.count("<!-- end -->") for page in PAGES.values()) == len(marks)


def test_the_command_writes_the_tables_anew(tmp_path: Path) -> None:
    for name, page in PAGES.items():
        emptied = re.sub(r"(<!-- table: [a-z-]+ -->\n).*?(<!-- end)", r"\1\2", page, flags=re.DOTALL)
        assert emptied != page
        (tmp_path / name).write_text(emptied, "utf-8")

    reference.main(tmp_path)

    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == PAGES


def test_a_table_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        reference.rewrite("<!-- table: weather -->\n<!-- end -->")


def test_a_cell_cannot_break_its_row() -> None:
    for name in reference.TABLES:
        lines = reference.print_table(name).splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert not [line for line in lines if "| None" in line or "Role." in line or "|  |" in line]


def test_every_setting_is_listed() -> None:
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}

    assert set(first_column("settings")) == names
    texts = [*PAGES.values(), (PROJECT / "README.md").read_text("utf-8"), (PROJECT / "docker-compose.yml").read_text()]
    mentioned = {name for text in texts for name in re.findall(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]", text)}
    assert mentioned - names <= {f"{PREFIX}TEST_DATABASE_URL"}


def test_access_is_told_of_all_that_the_schema_has() -> None:
    assert set(first_column("session-columns")) == fields_of("Session")
    assert set(first_column("agent-fields")) == fields_of("Agent") - {"sessions", "dashboard"}
    assert set(first_column("dashboard-metrics")) == fields_of("DashboardTotals")
    assert set(first_column("filter-options")) == fields_of("FilterOptions")
    assert set(first_column("account-fields")) < fields_of("Account")
    assert set(first_column("edits")) == fields_of("SessionPatch")
    assert set(first_column("mutations")) == fields_of("Mutation") == set(first_column("mutation-errors"))


def test_every_role_has_its_column() -> None:
    for name in (
        "session-columns",
        "agent-fields",
        "dashboard-metrics",
        "account-fields",
        "filter-options",
        "edits",
        "mutations",
    ):
        header = next(reference.TABLES[name]())
        assert set(header) >= set(Role)
    for role in Role:
        assert f"| {role} |" in PAGES["access.md"]


def errors_below(error: type[RequestError]) -> Iterator[type[RequestError]]:
    for below in error.__subclasses__():
        if below.__module__.startswith("session_graph."):
            if hasattr(below, "code"):
                yield below
            yield from errors_below(below)


def test_every_error_of_a_request_is_listed_with_what_to_do() -> None:
    assert set(errors_below(RequestError)) == reference.WHAT_TO_DO.keys()
    for error, advice in reference.WHAT_TO_DO.items():
        assert error.__doc__
        assert advice.endswith(".")
        assert f"| `{error.code}` | {error.status} |" in PAGES["errors.md"]


def test_every_link_leads_somewhere() -> None:
    for document, text in DOCUMENTS.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (document.parent / target).exists(), (document.name, target)


def find_source(name: str) -> Path:
    """The file of this name, in the package or else in the project."""
    found = [folder / name for folder in SOURCES if (folder / name).is_file()]
    assert found, f"there is no file {name}"
    return found[0]


def test_every_source_file_that_a_document_names_exists() -> None:
    for text in DOCUMENTS.values():
        for name in re.findall(r"`([\w/]+\.(?:py|js))`", text):
            assert find_source(name)


def test_every_name_that_a_document_finds_in_a_file_is_defined_there() -> None:
    documents = "\n".join(DOCUMENTS.values())
    steps = re.findall(r"`([\w/]+\.py)`\s`([\w.]+)`", documents)
    others = re.findall(r"`([\w.]+)`\sin\s`([\w/]+\.py)`", documents)

    assert len(steps) > 20
    assert len(others) > 5
    for file, name in [*steps, *((file, name) for name, file in others)]:
        for part in name.split("."):
            defined = re.search(
                rf"(def|class) {part}\b|^{part}\b.* = ", find_source(file).read_text("utf-8"), re.MULTILINE
            )
            assert defined, f"{file} does not define {name}"


RECORD = {"agent": "bistro", "channel": "SMS", "startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:01:00Z"}
AGENT = {"idn": "bistro", "name": "Again", "timeZone": "UTC"}
VIEW = {"name": "Leads", "columns": ["STARTED_AT"]}
STRANGER = str(uuid4())
BULK = {"patch": {"isTodo": True}}
CALLS: dict[tuple[str, str], Any] = {
    ("overrideAssessment", "INVALID"): {"sessionId": "@session"},
    ("overrideAssessment", "NOT_FOUND"): {"sessionId": STRANGER, "humanAssessment": None},
    ("overrideAssessment", "CONFLICT"): {"sessionId": "@session", "humanAssessment": None, "expectedVersion": 9},
    ("updateSession", "INVALID"): {"sessionId": "@session", "patch": {"isTodo": None}},
    ("updateSession", "NOT_FOUND"): {"sessionId": STRANGER, "patch": {}},
    ("updateSession", "CONFLICT"): {"sessionId": "@session", "patch": {}, "expectedVersion": 9},
    ("updateSessions", "INVALID"): BULK | {"target": {"filter": {}}},
    ("updateSessions", "LIMIT"): BULK | {"target": {"ids": [STRANGER] * 10_001}},
    ("recordSession", "INVALID"): RECORD | {"agent": "nobody"},
    ("recordSession", "CONFLICT"): RECORD | {"id": "@session", "summary": "Another one."},
    ("recordSessions", "INVALID"): {"records": [RECORD | {"units": "-1"}]},
    ("recordSessions", "CONFLICT"): {"records": [RECORD | {"id": "@session", "summary": "Another one."}]},
    ("recordSessions", "LIMIT"): {"records": [RECORD] * 501},
    ("requestSessionExport", "INVALID"): {"recipients": []},
    ("requestSessionExport", "DUPLICATE"): {"idempotencyKey": "k", "filter": {"isLead": True}},
    ("requestSessionExport", "LIMIT"): {"recipients": ["ana@example.com"] * 11},
    ("cancelSessionExport", "INVALID"): {"id": "x"},
    ("cancelSessionExport", "NOT_FOUND"): {"id": STRANGER},
    ("retrySessionExport", "INVALID"): {"id": "x"},
    ("retrySessionExport", "NOT_FOUND"): {"id": STRANGER},
    ("retrySessionExport", "LIMIT"): {"id": "@retried"},
    ("revokeSessionExportLink", "INVALID"): {"id": "x", "recipient": "ana@example.com"},
    ("revokeSessionExportLink", "NOT_FOUND"): {"id": "@retried", "recipient": "bo@example.com"},
    ("saveView", "INVALID"): VIEW | {"columns": []},
    ("saveView", "NOT_FOUND"): VIEW | {"id": STRANGER},
    ("saveView", "DUPLICATE"): VIEW,
    ("saveView", "LIMIT"): VIEW | {"name": "One too many"},
    ("deleteView", "INVALID"): {"id": "x"},
    ("deleteView", "NOT_FOUND"): {"id": STRANGER},
    ("retryInletDelivery", "INVALID"): {"id": "x"},
    ("retryInletDelivery", "NOT_FOUND"): {"id": STRANGER},
    ("createAgent", "INVALID"): AGENT | {"idn": "new", "timeZone": "Nowhere"},
    ("createAgent", "DUPLICATE"): AGENT,
    ("updateAgent", "INVALID"): {"idn": "bistro", "name": None},
    ("updateAgent", "NOT_FOUND"): {"idn": "nobody"},
    ("updateAccount", "INVALID"): {"currency": "gold"},
    ("updateAccount", "LIMIT"): {"addExportRecipients": [f"{i}@example.com" for i in range(1001)]},
}
"""What gives each code, for every row and column of the table."""


def test_each_code_of_each_mutation_has_a_call_that_gives_it() -> None:
    assert CALLS.keys() == {(name, code) for name, codes in reference.MUTATION_CODES.items() for code in codes}
    assert {code for codes in reference.MUTATION_CODES.values() for code in codes} == set(UserErrorCode)


@pytest.mark.anyio
async def test_mutations_give_the_codes_that_the_table_says(
    caller: MakeCaller, account: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 1)
    await make_agent(account)
    ask = await caller(Role.ADMIN, email="ana@example.com")
    session = str(uuid4())

    async def call(name: str, given: Any) -> list[str]:
        mutation = SCHEMA.mutation_type
        assert mutation
        ((argument, its),) = mutation.fields[name].args.items()
        query = f"mutation($v: {its.type}) {{ {name}({argument}: $v) {{ errors {{ code }} }} }}"
        errors = (await ask(query, v=given)).data[name]["errors"]
        return [error["code"] for error in errors]

    assert await call("recordSession", RECORD | {"id": session}) == []
    assert await call("requestSessionExport", {"idempotencyKey": "k"}) == []
    retried = (await ask("{ exports { nodes { id } } }")).data["exports"]["nodes"][0]["id"]
    for _ in range(settings.export_retries_per_day):
        assert await call("cancelSessionExport", {"id": retried}) == []
        assert await call("retrySessionExport", {"id": retried}) == []
    assert await call("cancelSessionExport", {"id": retried}) == []
    ids = {"@session": session, "@retried": retried}
    assert await call("saveView", VIEW) == []
    for (name, code), given in CALLS.items():
        assert await call(name, fill(given, ids)) == [code], name


def fill(given: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(given, dict):
        return {name: fill(value, ids) for name, value in given.items()}
    if isinstance(given, list):
        return [fill(value, ids) for value in given]
    return ids.get(given, given) if isinstance(given, str) else given
