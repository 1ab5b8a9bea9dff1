"""The Sessions page as it is served, and its tables compared with the code that they repeat."""

import re
from collections.abc import Iterator

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.http.pages import MEDIA_TYPES, POLICY, WEB
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.filters import CONDITIONS
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.patch import WRITERS

pytestmark = pytest.mark.anyio

ASSETS = WEB / "assets" / "sessions"
PAGE = (WEB / "index.html").read_text("utf-8")
MODULES = {path.name: path.read_text("utf-8") for path in ASSETS.iterdir() if path.name.endswith(".js")}


def find_addresses(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', html)


def find_imports(source: str) -> list[str]:
    return re.findall(r'^import .*?"\./([^"]+)";|^} from "\./([^"]+)";', source, re.MULTILINE | re.DOTALL)


def read_rows(source: str) -> Iterator[tuple[str, str | None]]:
    """Yield the code and the order of each column in columns.js."""
    for row in re.findall(r'^  \["[A-Z_]+", .*\],$', source, re.MULTILINE):
        texts = re.findall(r'"((?:[^"\\]|\\.)*)"', row)
        yield texts[0], texts[4] if len(texts) == 5 else None


def read_roles(source: str, name: str) -> dict[str, set[str]]:
    """Return a table of roles.js: the roles that are allowed, by field."""
    groups = {"EDITORS": {"BUILDER", "ADMIN"}}
    groups["STAFF"] = groups["EDITORS"] | {"PORTAL"}
    groups["READERS"] = groups["STAFF"] | {"PARTNER"}
    body = re.search(rf"const {name} = {{(.*?)}};", source, re.DOTALL)
    assert body
    found = {}
    for field, words in re.findall(r"(\w+): ([^\n]+),\n", body[1]):
        named = set(re.findall(r'"([A-Z]+)"', words))
        found[field] = named.union(*(groups[group] for group in groups if group in words))
    return found


async def test_the_page_may_load_its_own_scripts_and_styles_and_nothing_else(client: httpx.AsyncClient) -> None:
    response = await client.get("/")

    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert policy == POLICY
    assert policy["default-src"] == "'none'"
    assert "'unsafe" not in response.headers["content-security-policy"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_every_asset_has_its_media_type_and_is_cached_until_it_changes(
    client: httpx.AsyncClient,
) -> None:
    imported = {name for source in MODULES.values() for names in find_imports(source) for name in names if name}
    addresses = [*find_addresses(PAGE), *(f"/assets/sessions/{name}" for name in imported)]

    for address in addresses:
        response = await client.get(address)
        again = await client.get(address, headers={"If-None-Match": response.headers.get("etag", "")})
        assert response.status_code == 200, address
        assert response.headers["content-type"] == f"{MEDIA_TYPES['.' + address.rpartition('.')[2]]}; charset=utf-8"
        assert response.headers["cache-control"] == again.headers["cache-control"] == "no-cache"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert again.status_code == 304
    assert imported | {"page.js"} == set(MODULES)


async def test_nothing_but_assets_is_served(client: httpx.AsyncClient) -> None:
    paths = ("/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/settings.py", "/assets/sessions")

    assert {(await client.get(path)).status_code for path in paths} == {404}


def test_no_script_turns_text_into_markup() -> None:
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc")

    assert [name for name, source in MODULES.items() if sinks.search(source)] == []
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|javascript:", PAGE)
    assert not re.search(r"https?://", PAGE)


def test_the_pages_columns_are_those_of_the_code() -> None:
    rows = dict(read_rows(MODULES["columns.js"]))
    orders = {order.name: COLUMNS[order.column].code for order in ORDER_FIELDS.values()}

    assert set(rows) == {column.code for column in COLUMNS.values() if column.header}
    assert {order: code for code, order in rows.items() if order} == orders


def test_the_pages_filters_read_the_same_columns_as_the_code() -> None:
    found = re.findall(r'(?:flag|choices)\("(\w+)", "[^"]+", "([A-Z_]+)"', MODULES["filters.js"])
    known = {name: condition.columns for name, condition in CONDITIONS.items()} | {"stars": ("conversation_quality",)}

    assert len(found) >= 16
    assert {name: (code.lower(),) for name, code in found} == {name: known[name] for name, _ in found}


def test_the_page_knows_the_rights_of_each_role() -> None:
    source = MODULES["roles.js"]
    tags = {"addTags": "tags", "removeTags": "tags"}

    edits, figures = read_roles(source, "EDITS"), read_roles(source, "FIGURES")

    assert edits == {tags.get(field, field): {*map(str, roles)} for field, roles in WRITERS.items()}
    assert figures == {figure.field: {*map(str, figure.roles - {Role.RECORDER})} for figure in METRICS.values()}
