"""What in a migration breaks servers that are older than it, as far as its text shows."""

import re
from collections.abc import Iterator

from session_graph.store.migration import Migration

SAYS_SO = re.compile(r"^-- (?:breaks: (?:older versions|versions before \d{4}_\w+)|compatible: \w+)", re.MULTILINE)
"""The lines that answer for what is found; `-- compatible: why` is for a text that looks worse than it is."""

_STATEMENTS = (
    (r"^drop (?:table|view|materialized view|function|type|sequence|schema|domain)\b", "drops what older ones use"),
    (r"^alter (?:table|index|function|type|view|sequence) .*\brename\b", "renames what older ones use"),
    (r"^create (?:or replace )?(?:constraint )?trigger\b|^create (?:or replace )?rule\b", "changes what is written"),
    (r"^create or replace (?:function|view)\b", "changes what older ones compute"),
    (r"^alter table .*\b(?:enable|force) row level security\b|^revoke\b", "takes rights away"),
    (r"^truncate\b|^delete from\b", "deletes rows"),
)
_CLAUSES = (
    (r"^drop (?:column\b|(?!constraint\b|column\b))", "drops a column"),
    (r"^alter (?:column )?\w+ (?:set data )?type\b", "changes the type of a column"),
    (r"^alter (?:column )?\w+ set not null\b", "requires a column"),
    (r"^alter (?:column )?\w+ drop (?:default|expression|identity)\b", "takes a default away"),
    (r"^alter (?:column )?\w+ add generated\b", "makes a column generated"),
)
_ADDED = re.compile(
    r"^add (?:column (?:if not exists )?)?(?!constraint\b|check\b|unique\b|primary\b|foreign\b|exclude\b)(\w+)\b"
)
_RULE = re.compile(r"^add (?:constraint \w+ )?(?:check|unique|primary key|foreign key|exclude)\b")
_UNIQUE = re.compile(r"^create unique index (?:concurrently )?(?:if not exists )?\w+ on (?:only )?(\w+)\b")
_ALTER = re.compile(r"^alter table (?:if exists )?(?:only )?(\w+) (.*)$")


def find_breaking_changes(migration: Migration) -> list[str]:
    """Return a sentence's end for each change that an older server would notice: "drops a column: …"."""
    statements = list(_split(migration.sql))
    created = {name for each in statements for name in re.findall(r"^create table (?:if not exists )?(\w+)", each)}
    added = {name for _, clause in _list_clauses(statements) for name in _ADDED.findall(clause)}
    return [
        *_find_in_statements(statements, created, added),
        *(
            f"{what}: {clause}"
            for table, clause in _list_clauses(statements)
            if table not in created
            for what in _judge(clause, added)
        ),
    ]


def _find_in_statements(statements: list[str], created: set[str], added: set[str]) -> Iterator[str]:
    for statement in statements:
        yield from (f"{what}: {statement}" for pattern, what in _STATEMENTS if re.search(pattern, statement))
        unique = _UNIQUE.match(statement)
        if unique and unique[1] not in created and not _names(statement, added):
            yield f"narrows what may be written: {statement}"


def _judge(clause: str, added: set[str]) -> Iterator[str]:
    yield from (what for pattern, what in _CLAUSES if re.search(pattern, clause))
    if _ADDED.match(clause) and "not null" in clause and not re.search(r"\bdefault\b|\bgenerated\b", clause):
        yield "requires a new column"
    if _RULE.match(clause) and not _names(clause, added):
        yield "narrows what may be written"


def _names(text: str, columns: set[str]) -> bool:
    """Return whether the text is about one of the new columns, which older servers leave empty."""
    return bool(columns & set(re.findall(r"\w+", text)))


def _split(sql: str) -> Iterator[str]:
    """Yield each simple statement in one line, those in blocks too, without comments and quoted texts."""
    text = re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", sql)).lower()
    for part in re.split(r";|\bthen\b|\bbegin\b(?! atomic)", text):
        if statement := " ".join(part.split()):
            yield statement


def _list_clauses(statements: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the table and each comma-separated clause of every `alter table`."""
    for statement in statements:
        if found := _ALTER.match(statement):
            for clause in re.split(r",(?![^()]*\))(?= ?(?:add|drop|alter|rename|validate|set)\b)", found[2]):
                yield found[1], clause.strip()
