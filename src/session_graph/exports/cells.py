"""The cells of a report, as SQL: each column as the text that stands in the file.

Source: domain.md, "The exported report". A text that a spreadsheet would take for a formula gets one leading
apostrophe. Phone numbers are written in international format with spaces, which no spreadsheet takes for a formula or a
number.
"""

from session_graph.sessions.columns import COLUMNS, Column, Kind
from session_graph.store.sql import Values

REPORT = (
    *("started_at", "session_type", "is_lead", "is_opportunity", "is_test", "contact", "contact_information"),
    *("external_id", "summary", "lead_value", "asr", "conversion_rate", "recognition", "auto_assessment"),
    *("human_assessment", "conversation_quality", "working_hours", "comment", "channel", "actual_result"),
    *("expected_result", "agent", "units", "integration"),
)
"""The vendor's 24 columns, in its order."""

_PHONE_SHOWN = {
    "phone": "s.phone_display",
    "contact_information": "nullif(concat_ws(', ', s.phone_display, s.email, s.other_contact), '')",
}
_SHOWN = {
    Kind.ASSESSMENT: "case {sql} when 'YES_A' then 'Yes-A' when 'YES_B' then 'Yes-B' when 'NO' then 'No' end",
    Kind.CHANNEL: "case {sql} when 'VOICE' then 'Voice' when 'SMS' then 'SMS' when 'CHAT' then 'Chat' end",
    Kind.LENGTH: "initcap({sql})",
    Kind.RATIO: "trim_scale({sql} * 100)::text || '%'",
    Kind.NUMBER: "trim_scale({sql})::text",
    Kind.TEXTS: "array_to_string({sql}, ', ')",
    Kind.MAP: "nullif({sql}::text, '{{}}')",
}


def exportable(columns: list[Column]) -> list[Column]:
    """Those that a report can have."""
    return [column for column in columns if column.header is not None]


def header(names: list[str]) -> str:
    """The first line of the file, without its end."""
    return ",".join(_quote(COLUMNS[name].header or "") for name in names)


def line_sql(names: list[str], time_zone: str | None, escape_formulas: bool, values: Values) -> str:
    """A line of the file for `session s` held by `agent a`, without its end: an expression of type text."""
    zone = "a.time_zone" if time_zone is None else values.bind(time_zone)
    cells = (_cell(COLUMNS[name], zone, escape_formulas) for name in names)
    return " || ',' || ".join(f"coalesce({cell}, '')" for cell in cells)


def _cell(column: Column, zone: str, escape_formulas: bool) -> str:
    if column.name == "agent":
        return _text("a.idn", escape_formulas)
    match column.kind:
        case Kind.INSTANT:
            return f"to_char({column.sql} at time zone {zone}, 'YYYY-MM-DD HH24:MI:SS')"
        case Kind.TEXT:
            return _text(_PHONE_SHOWN.get(column.name, column.sql), escape_formulas)
        case Kind.TEXTS | Kind.MAP:
            return _text(_SHOWN[column.kind].format(sql=column.sql), escape_formulas)
        case kind:
            return _SHOWN.get(kind, "({sql})::text").format(sql=column.sql)


def _text(sql: str, escape_formulas: bool) -> str:
    return f"report_cell({sql}, {'true' if escape_formulas else 'false'})"


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\r\n') else text
