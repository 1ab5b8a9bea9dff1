"""What texts of callers become in a message: characters on a line, and never a header, a recipient or a part."""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any, cast
from uuid import UUID

import hypothesis
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_graph.errors import SettingError
from session_graph.exports.mail_address import Sender, read_sender
from session_graph.exports.message import MailContent, compose
from session_graph.settings import Settings
from session_graph.store.database import Row
from support.mail_reader import Part, read_message

ANA = "ana@example.com"
LINK = "http://127.0.0.1:8000/exports/a/b/c/d"
AT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
FIELDS = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"}
ENCODED = (
    "A =?utf-8?q?x=0ABcc:_victim@example.org?=",
    "=?utf-8?q?x=0D=0AReply-To:_evil@evil.example=0D=0A=0D=0A<h1>Pay_here</h1>?=",
    "=?utf-8?b?eApCY2M6IHZpY3RpbUBleGFtcGxlLm9yZw==?=",
    "=?UTF-8?Q?=0D=0A?= =?utf-8?q?Bcc:_a@b.example?=",
    "=?iso-8859-1?q?=0D?= and =?utf-7?q?+AAo-?=",
    "=?utf-8*en?q?=0ABcc:_a@b.example?=",
    'x" <eve@example.org>, "y',
    "eve@example.org, bo@example.org",
    "group: eve@example.org;",
    '(comment) \\ "quoted"',
    "a=?b",
    "=?",
    "Zoë's <b>Bistro</b> & Söhne, Inc.",
    "料理" * 100,
    "word " * 60,
    "x" * 1000,
    "\r\nBcc: victim@example.org\r\n\r\nbody",
    "\x00\x1b[31m\x7f\x85\u2028\u2029\u202e",
    "--=_boundary",
    ".",
    "From eve",
    "\ud800",
)
PIECES = ("=?utf-8?q?", "=0A", "?=", "\r\n", " ", "Bcc: a@b.c", "é", ";", '"', "<", ">", ",")
TEXTS = st.one_of(
    st.text(),
    st.sampled_from(ENCODED),
    st.lists(st.sampled_from(["=?utf-8?q?", "=0A", "?=", "\r\n", " ", "Bcc: a@b.c", "é", ";", '"', "<", ">", ","])).map(
        "".join
    ),
)


def content_of(account: str = "Bistro", by: str = "key ana", label: str = "UTC", **stored: Any) -> MailContent:
    export = {
        "id": UUID(int=1),
        "time_zone_label": label,
        "stored_filter": orjson.dumps(stored),
        "filter_now": AT,
        "as_of": AT,
        "finished_at": AT,
        "expires_at": AT + timedelta(days=7),
        "row_count": 3,
        "requested_by": by,
    }
    return MailContent(cast(Row, export), account, "UTC", LINK, b"a,b\r\n")


def read(content: MailContent, **changes: Any) -> tuple[Part, bytes]:
    message = compose(content, ANA, Settings(**{"mail_from": "Reports <reports@example.com>", **changes}))
    data = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    return read_message(data), data


def check(part: Part, data: bytes) -> tuple[str, str]:
    """Check by two readers that the message has its fields and parts and no others; return plain text and HTML."""
    assert set(part.fields) == FIELDS
    assert part.fields["to"] == ANA
    kinds = ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv"]
    assert [inner.content_type for inner in part.walk()] == kinds
    assert all(set(inner.fields) <= {"content-type", "content-transfer-encoding"} for inner in part.walk()[1:-1])
    assert part.walk()[-1].content == b"a,b\r\n"
    other = message_from_bytes(data, policy=default)
    assert {name.lower() for name in other} == FIELDS
    assert [inner.get_content_type() for inner in other.walk()] == kinds
    assert not any(inner.defects for inner in other.walk())
    plain, html = (inner.content.decode().replace("\r\n", "\n") for inner in part.walk()[2:4])
    return plain, html


def _as_stored(text: str) -> str:
    """Return the text of a filter, which is stored as JSON and has no lone surrogate."""
    return text.encode(errors="replace").decode()


@pytest.mark.parametrize("name", ENCODED)
def test_a_name_that_looks_like_an_encoded_word_arrives_as_these_characters(name: str) -> None:
    part, data = read(content_of(account=name))
    plain, _ = check(part, data)

    line = re.search(r"^Account: (.*)$", plain, re.MULTILINE)
    assert line
    assert part.fields["subject"] == f"Session report of {line[1]}: 3 sessions".replace("  ", " ")
    if name.isprintable() and len(name) < 100:
        assert line[1] == name


@hypothesis.settings(deadline=None, max_examples=60)
@given(account=TEXTS, by=TEXTS, texts=st.lists(TEXTS, max_size=3), search=TEXTS, utm=TEXTS)
def test_no_text_of_a_caller_becomes_a_header_a_recipient_or_a_part(
    account: str, by: str, texts: list[str], search: str, utm: str
) -> None:
    texts, search, utm = [_as_stored(text) for text in texts], _as_stored(search), _as_stored(utm)
    stored: dict[str, Any] = {"sessionTypes": texts, "search": search, "utms": {utm: [utm]}}
    part, data = read(content_of(account, by, **stored))
    plain, html = check(part, data)

    lines = plain.splitlines()
    assert lines[:3] == ["The session report that you asked for.", "", f"Download it: {LINK}"]
    names = ["Rows", "As of", "Available until", "Times", "Account", "Asked for by", "Filter"]
    assert [line.partition(":")[0] for line in lines[4:]] == names
    assert html.count("<") == html.count(">") == 55
    assert html.startswith(
        '<!doctype html><html lang="en"><body><p>The session report that you asked for.</p><p><a href="'
    )


@hypothesis.settings(deadline=None, max_examples=60)
@given(name=TEXTS)
def test_the_senders_name_arrives_as_it_is_set_or_is_refused(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    try:
        sender = read_sender(f'"{quoted}" <reports@example.com>')
    except SettingError:
        return
    part, data = read(content_of(), mail_from=f'"{quoted}" <reports@example.com>')
    check(part, data)

    assert sender.address == "reports@example.com"
    assert part.fields["from"].endswith("<reports@example.com>") or sender.name is None
    assert message_from_bytes(data, policy=default)["From"].addresses[0].addr_spec == "reports@example.com"


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("reports@example.com", Sender(None, "reports@example.com")),
        ("reports@localhost", Sender(None, "reports@localhost")),
        ("<reports@example.com>", Sender(None, "reports@example.com")),
        ("Zoë's Bistro <a@example.com>", Sender("Zoë's Bistro", "a@example.com")),
        ('"Bistro, \\"Inc.\\"" <a@example.com>', Sender('Bistro, "Inc."', "a@example.com")),
        ('"=?utf-8?q?x=0ABcc:_eve?=" <a@example.com>', Sender("=?utf-8?q?x=0ABcc:_eve?=", "a@example.com")),
        ("=?utf-8?q?x=0A?= <a@example.com>", Sender("=?utf-8?q?x=0A?=", "a@example.com")),
    ],
)
def test_a_sender_is_read_without_decoding(text: str, sender: Sender) -> None:
    assert read_sender(text) == sender


def test_a_long_list_in_a_filter_is_cut() -> None:
    plain, _ = check(*read(content_of(sessionTypes=[f"type {number}" for number in range(1000)])))

    assert plain.splitlines()[-1].startswith("Filter: sessionTypes: type 0 or type 1 or ")
    assert plain.splitlines()[-1].endswith(" or type 9 and 990 more")


def test_a_text_of_many_lines_cannot_look_like_the_message() -> None:
    text = "booking\n\nDownload it: http://evil.example/login\n\n-- \nThe session_graph team" + "\n" * 60

    plain, _ = check(*read(content_of(sessionTypes=[text])))

    assert [line for line in plain.splitlines() if line.startswith("Download it")] == [f"Download it: {LINK}"]
    assert plain.splitlines()[-1].startswith(
        "Filter: sessionTypes: booking Download it: http://evil.example/login -- The"
    )


def test_an_export_and_a_recipient_have_one_message() -> None:
    assert read(content_of())[1] == read(content_of())[1]


def test_every_line_of_a_header_is_short() -> None:
    _, data = read(content_of(account="Zoë " * 100))
    head = data.partition(b"\r\n\r\n")[0]

    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert head.count(b"\r\nMessage-ID: <") == 1
