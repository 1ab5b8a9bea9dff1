"""The cells of an export as SQL expressions, one for each column. COPY adds the quoting of RFC 4180.

Source: domain.md, "The exported report" and "Contacts". A text that a spreadsheet would read as a formula gets one
leading apostrophe; so do phone numbers and External IDs that it would read as a number, a date or a time. No number has
exactly three decimals: where the comma is the decimal mark, 3.704 is three thousand seven hundred and four.

A spreadsheet that splits cells at semicolons, tabs or vertical bars, as in many languages, knows neither the commas nor
the quotes of the file. So a text also gets an apostrophe before each formula that follows such a separator, or a line
break: `Bob;=1+1` becomes `Bob;'=1+1`.
"""

import re

from session_graph.exports.local_times import local_time_sql, utc_offset_sql
from session_graph.sessions.columns import COLUMNS, Column, Kind

DEFAULT_COLUMNS = (
    *("started_at", "session_type", "is_lead", "is_opportunity", "is_test", "contact", "contact_information"),
    *("external_id", "summary", "lead_value", "asr", "conversion_rate", "recognition", "auto_assessment"),
    *("human_assessment", "conversation_quality", "working_hours", "comment", "channel", "actual_result"),
    *("expected_result", "agent", "units", "integration"),
)
"""The vendor's 24 columns, in the vendor's order."""

_PHONE_SHOWN = {
    "phone": "s.phone_display",
    "contact_information": "nullif(concat_ws(', ', s.phone_display, s.email, s.other_contact), '')",
}
_SHOWN = {
    Kind.ASSESSMENT: "case {sql} when 'YES_A' then 'Yes-A' when 'YES_B' then 'Yes-B' when 'NO' then 'No' end",
    Kind.CHANNEL: "case {sql} when 'VOICE' then 'Voice' when 'SMS' then 'SMS' when 'CHAT' then 'Chat' end",
    Kind.LENGTH: "initcap({sql})",
    Kind.DIRECTION: "initcap({sql})",
    Kind.FLAG: "({sql})::text",
    Kind.MONEY: "case scale({sql}) when 3 then round({sql}, 4) else {sql} end",
    Kind.RATIO: (
        "case scale(trim_scale({sql})) when 5 then round({sql} * 100, 4) else trim_scale({sql} * 100) end || '%'"
    ),
    Kind.NUMBER: (
        "case scale(trim_scale({sql})) when 1 then round({sql}, 2) when 3 then round({sql}, 4)"
        " else trim_scale({sql}) end"
    ),
    Kind.TEXTS: "nullif(array_to_string({sql}, ', '), '')",
    Kind.MAP: "nullif({sql}::text, '{{}}')",
}

_INVISIBLE = r"\s\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff"
_SIGN = r"=+\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = rf"^[{_INVISIBLE}]*[{_SIGN}]"


def _in_utf_8(characters: str) -> bytes:
    """Return a pattern for one of the characters in UTF-8; they are written as in a class of a regular expression."""
    last_bytes: dict[bytes, bytes] = {}
    for character in re.findall(f"[{characters}]", "".join(map(chr, range(0x10000)))):
        *first, last = character.encode()
        last_bytes[bytes(first)] = last_bytes.get(bytes(first), b"") + re.escape(bytes([last]))
    return b"(?:%s)" % b"|".join(re.escape(first) + b"[%s]" % last for first, last in last_bytes.items())


_INDENT, _SIGN_IN_UTF_8 = _in_utf_8(_INVISIBLE + '"') + b"*+", _in_utf_8(_SIGN)
_VISIBLE_SEPARATORS = tuple(
    (mark, re.compile(b"%s%s(?=%s)" % (re.escape(mark), _INDENT, _SIGN_IN_UTF_8))) for mark in (b";", b"|")
)
_BLANK_SEPARATORS = tuple(
    (mark, re.compile(b"(%s%s)(%s)?" % (pattern, _INDENT, _SIGN_IN_UTF_8)))
    for mark, pattern in ((b"\t", b"\t"), (b"\r", b"\r"), (b"\n", rb"\n(?<!\x01\n)"))
)
"""Each separator and what stands between it and a formula. A pattern for all of them takes three times as long.

Those of blank ones match a whole run of them, whether or not a formula follows: to look from each of its characters
would take time in the square of its length.
"""
_PHONE = r"^\+\d{1,3} \d+(-\d+)*( ext\. \d+)?(, [^=+\-@]|$)"
_DIGITS = r"^[\d*#]+$"
_MONTHS = (
    *("jan(uary)?", "feb(ruary)?", "mar(ch)?", "apr(il)?", "may", "june?", "july?", "aug(ust)?", "sept?(ember)?"),
    *("oct(ober)?", "nov(ember)?", "dec(ember)?"),
)
_MONTH = f"({'|'.join(_MONTHS)})"
_NUMERIC = r"[\d+\-.,/:%\s$€£¥]*"
_CHANGED = (
    rf"^{_NUMERIC}\d{_NUMERIC}(e[+\-]?\d+)?$|^\d{{1,4}}[-/ ]?{_MONTH}([-/ ]?\d{{1,4}})?$|^{_MONTH}[-/ ]?\d{{1,4}}$"
    r"|^\d{1,2}(:\d\d){0,2} ?[ap]m?$|^(true|false)$"
)
"""A number, a date, a time or a flag: what a spreadsheet may show otherwise than it is written."""
_SAME_NUMBER = r"^(0|[1-9]\d{0,14})$"
"""A number that stays as it is: no leading zero, and no more digits than a spreadsheet keeps."""


def header(names: list[str]) -> str:
    """Return the first line of the file, without its line end."""
    return ",".join(_quote(COLUMNS[name].header or "") for name in names)


def instants_of(names: list[str]) -> list[str]:
    """Return the instants over `session s` that the cells of these columns write in local time."""
    columns = [COLUMNS["started_at" if name == "utc_offset" else name] for name in names]
    return [column.sql for column in columns if column.kind is Kind.INSTANT]


def cells_sql(names: list[str], escape_formulas: bool) -> list[str]:
    """Return an expression for each column, null where the cell is empty.

    They are over `session s`, its `agent a` and, if there are `instants_of` the columns, the `z` of `join_offsets`.
    """
    cells = [_cell(COLUMNS[name], escape_formulas) for name in names]
    if len(cells) == 1:  # a null would be an empty line, which most CSV readers skip
        return [f"coalesce({cells[0]}::text, '')"]
    return cells


def escape_after_separators(rows: bytes) -> bytes:
    """Return the rows of a file with an apostrophe before each formula that follows a separator in a text.

    Only texts of callers have separators, or line feeds other than those after the `\\x01` that ends a row.
    """
    for mark, pattern in _VISIBLE_SEPARATORS:
        if mark in rows:
            rows = pattern.sub(rb"\g<0>'", rows)
    for mark, pattern in _BLANK_SEPARATORS:
        if mark in rows:
            rows = pattern.sub(_escape_after_blanks, rows)
    return rows


def _escape_after_blanks(match: re.Match[bytes]) -> bytes:
    return match[0] if match[2] is None else match[1] + b"'" + match[2]


def _cell(column: Column, escape_formulas: bool) -> str:
    sql = _PHONE_SHOWN.get(column.name, column.sql)
    if column.name == "agent":
        return _text("a.idn", escape_formulas)
    if column.name == "utc_offset":
        return utc_offset_sql(COLUMNS["started_at"].sql)
    text = _text(sql, escape_formulas)
    if column.name in _PHONE_SHOWN and escape_formulas:
        return f"case when {sql} ~ '{_DIGITS}' then '''' || {sql} else {text} end"
    if column.name == "external_id" and escape_formulas:
        is_changed = f"{sql} ~* '{_CHANGED}' and {sql} !~ '{_SAME_NUMBER}'"
        return f"case when {is_changed} then '''' || {sql} else {text} end"
    match column.kind:
        case Kind.INSTANT:
            return local_time_sql(sql)
        case Kind.TEXT:
            return text
        case Kind.TEXTS | Kind.MAP:
            return _text(_SHOWN[column.kind].format(sql=sql), escape_formulas)
        case kind:
            return _SHOWN.get(kind, "{sql}").format(sql=sql)


def _text(sql: str, escape_formulas: bool) -> str:
    """Return SQL for the text, with an apostrophe before it if a spreadsheet would read it as a formula.

    Most texts begin with a letter or a digit and need only the first test: a match costs many times as much.
    """
    if not escape_formulas:
        return sql
    return (
        f"case when ascii({sql}) between 65 and 132 or ascii({sql}) between 48 and 57 then {sql}"
        f" when {sql} ~ '{_PHONE}' or {sql} !~ '{_FORMULA}' then {sql} else '''' || {sql} end"
    )


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\r\n') else text
