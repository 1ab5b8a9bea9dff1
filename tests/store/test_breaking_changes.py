"""A migration that older servers would notice says so: in review by this test, in the database by its mark."""

import pytest

from session_graph.store.migration import Migration, list_migrations
from support.breaking_changes import SAYS_SO, find_breaking_changes

MIGRATIONS = list_migrations()


@pytest.mark.parametrize("migration", MIGRATIONS, ids=[migration.name for migration in MIGRATIONS])
def test_a_migration_that_breaks_older_versions_says_so(migration: Migration) -> None:
    assert SAYS_SO.search(migration.sql) or find_breaking_changes(migration) == []


@pytest.mark.parametrize(
    "sql",
    [
        "drop table transcript;",
        "drop function if exists asr_of;",
        "alter table session drop column comment;",
        "alter table session add column a text, drop comment;",
        "alter table session rename column comment to remark;",
        "alter table session rename to call;",
        "alter table session add column mood text not null;",
        "alter table session\n    add column a text,\n    add column mood numeric(4, 2) not null;",
        "alter table session alter column comment set not null;",
        "alter table session alter column is_test drop default;",
        "alter table session alter comment type varchar(10);",
        "alter table session add check (length(comment) < 10);",
        "alter table session add constraint short check (length(comment) < 10) not valid;",
        "alter table session add foreign key (account_id) references account (id);",
        "create unique index once on session (account_id, comment);",
        "create unique index concurrently once on session (account_id, comment);",
        "create trigger t before insert on session execute function f();",
        "create or replace function asr_of() returns numeric language sql return 1;",
        "revoke select on session from public;",
        "delete from session_change;",
        "do $$\nbegin\n    if true then\n        drop table transcript;\n    end if;\nend\n$$;",
        "ALTER TABLE session DROP COLUMN comment;",
    ],
)
def test_what_an_older_server_would_notice_is_found(sql: str) -> None:
    assert find_breaking_changes(Migration("9999_x", sql))


@pytest.mark.parametrize(
    "sql",
    [
        "create table mood (account_id uuid primary key, name text not null check (name <> ''));\n\n"
        "create unique index mood_name on mood (name);\n\nalter table mood alter column name set not null;",
        "alter table session add column mood text;",
        "alter table session add mood text not null default '' check (mood <> 'bad');",
        "alter table session add column source text, add check (source is null or comment is not null);",
        "alter table session add column place integer;\n\ncreate unique index p on session (account_id, place);",
        "create index session_mood on session (account_id, comment);",
        "drop index session_mood;",
        "alter table session drop constraint short;",
        "alter table session alter column comment drop not null;",
        "insert into data_rewrite (name) values ('drop table session;');",
        "-- drop table session;\nselect 1;",
    ],
)
def test_what_only_adds_is_not_taken_for_a_break(sql: str) -> None:
    assert find_breaking_changes(Migration("9999_x", sql)) == []


@pytest.mark.parametrize(
    ("comment", "breaks_before"),
    [
        ("-- breaks: older versions", "9999_x"),
        ("-- Why.\n-- breaks: older versions, which would lose rows.", "9999_x"),
        ("-- breaks: versions before 0014_expand", "0014_expand"),
        ("-- It breaks: older versions", None),
        ("-- compatible: the check only grows", None),
        ("", None),
    ],
)
def test_the_mark_names_the_migration_that_a_version_must_have(comment: str, breaks_before: str | None) -> None:
    assert Migration("9999_x", f"{comment}\n\nselect 1;\n").breaks_before == breaks_before
