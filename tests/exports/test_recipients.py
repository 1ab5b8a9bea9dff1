"""Who may be sent a report: what is an address or a domain, in each way that one enters."""

import httpx
import pytest

from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.cli.main import main
from session_graph.errors import InvalidInput
from session_graph.exports.recipients import change_recipients, list_recipients
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_caller
from support.reports import ask_for_report, problems_of, show_report

pytestmark = pytest.mark.anyio

NO_MAILBOXES = (
    *("=?utf-8?q?a=0Ab?=@example.com", "|/bin/sh@example.com", "-oQ/tmp@example.com", "a@localhost", "zoë@example.com"),
    *("eve%evil.example@example.com", "ana@example.com\nBcc: eve@example.org", "ana@example.com, eve@example.org"),
)
CHANGE = """
mutation ($add: [String!]!) { updateAccount(input: {addExportRecipients: $add}) { errors { code path message } } }
"""


@pytest.mark.parametrize("text", [*NO_MAILBOXES, "localhost", "example.local", "-x.example", "a b.example", "", "@"])
async def test_no_such_text_comes_onto_the_list(client: httpx.AsyncClient, account: Account, text: str) -> None:
    ask = await make_caller(client, account, Role.ADMIN)

    (error,) = (await ask(CHANGE, add=["bo@example.com", text])).data["updateAccount"]["errors"]

    assert (error["code"], error["path"][-2:]) == ("INVALID", ["addExportRecipients", "1"])
    assert "such as ana@example.com" in error["message"]
    assert await list_recipients(account.id) == []


async def test_addresses_and_domains_are_kept_in_ascii_and_lower_case(account: Account) -> None:
    await change_recipients(account.id, add=[" Ana@Example.COM", "Bücher.example", "bo@bücher.example", "b.example"])

    assert await list_recipients(account.id) == [
        *("ana@example.com", "b.example", "bo@xn--bcher-kva.example", "xn--bcher-kva.example"),
    ]


async def test_what_an_earlier_version_accepted_can_be_removed(account: Account, database: Database) -> None:
    await database.execute("insert into export_recipient values ($1, 'a@localhost'), ($1, '|x@b.example')", account.id)

    await change_recipients(account.id, remove=["a@localhost", "|x@b.example"])

    assert await list_recipients(account.id) == []
    with pytest.raises(InvalidInput):
        await change_recipients(account.id, remove=["not an address"])


@pytest.mark.parametrize("text", NO_MAILBOXES)
async def test_no_report_is_asked_for_at_such_an_address(
    client: httpx.AsyncClient, account: Account, database: Database, text: str
) -> None:
    await change_recipients(account.id, add=["example.com"])
    ask = await make_caller(client, account, Role.ADMIN)

    problems = await problems_of(ask, recipients=["bo@example.com", text])

    assert problems == [("INVALID", ["input", "recipients", "1"])]
    assert await database.fetch("select from session_export where account_id = $1", account.id) == []


async def test_an_international_domain_is_allowed_by_its_entry_in_either_spelling(
    client: httpx.AsyncClient, account: Account
) -> None:
    await change_recipients(account.id, add=["bücher.example"])
    ask = await make_caller(client, account, Role.ADMIN)

    export_id = await ask_for_report(ask, recipients=["ana@BÜCHER.example", "ana@xn--bcher-kva.example"])

    export = await show_report(ask, export_id)
    assert [delivery["recipient"] for delivery in export["deliveries"]] == ["ana@xn--bcher-kva.example"]


@pytest.mark.parametrize("text", NO_MAILBOXES)
async def test_no_key_has_such_an_address(account: Account, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await create_key(account, Role.ADMIN, email=text)

    assert [problem.path for problem in caught.value.problems] == [("email",)]


@pytest.mark.parametrize("text", [text for text in NO_MAILBOXES if not text.startswith("-")])
def test_the_mail_check_sends_nothing_to_such_an_address(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", text]) == 1
    assert capsys.readouterr().err.startswith("recipient must be one e-mail address, such as ana@example.com: ")
