"""The cells of an export as SQL expressions, one for each column. COPY adds the quoting of RFC 4180.

Source: domain.md, "The exported report". A text that a spreadsheet would read as a formula gets one leading apostrophe.
Phone numbers are in international format with spaces, which no spreadsheet reads as a formula or a number.
"""

from session_graph.sessions.columns import COLUMNS, Column, Kind
from session_graph.sessions.parameters import Parameters

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
    Kind.RATIO: "trim_scale({sql} * 100) || '%'",
    Kind.NUMBER: "trim_scale({sql})",
    Kind.TEXTS: "nullif(array_to_string({sql}, ', '), '')",
    Kind.MAP: "nullif({sql}::text, '{{}}')",
}

_INVISIBLE = r"\s\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff"
_FORMULA = rf"^[{_INVISIBLE}]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
_PHONE = r"^\+\d+( \d+)+(, [^=+\-@]|$)"


def header(names: list[str]) -> str:
    """Return the first line of the file, without its line end."""
    return ",".join(_quote(COLUMNS[name].header or "") for name in names)


def cells_sql(names: list[str], time_zone: str | None, escape_formulas: bool, values: Parameters) -> list[str]:
    """Return an expression over `session s` and its `agent a` for each column, null where the cell is empty."""
    zone = "a.time_zone" if time_zone is None else values.bind(time_zone)
    cells = [_cell(COLUMNS[name], zone, escape_formulas) for name in names]
    if len(cells) == 1:  # a null would be an empty line, which most CSV readers skip
        return [f"coalesce({cells[0]}::text, '')"]
    return cells


def _cell(column: Column, zone: str, escape_formulas: bool) -> str:
    sql = _PHONE_SHOWN.get(column.name, column.sql)
    if column.name == "agent":
        return _text("a.idn", escape_formulas)
    match column.kind:
        case Kind.INSTANT:
            return f"to_char({sql} at time zone {zone}, 'YYYY-MM-DD HH24:MI:SS')"
        case Kind.TEXT:
            return _text(sql, escape_formulas)
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
