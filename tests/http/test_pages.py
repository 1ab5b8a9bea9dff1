"""The Sessions page as it is served, and the names in its modules, compared with the code."""

import posixpath
import re

import httpx
import pytest
from graphql import parse, validate

from session_graph.access.viewer import Role
from session_graph.http.pages import MEDIA_TYPES, POLICY, WEB
from session_graph.schema.schema import build_schema
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.dashboard_request import Group
from session_graph.sessions.filters import CONDITIONS
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.patch import WRITERS

pytestmark = pytest.mark.anyio

ASSETS = WEB / "assets"
PAGE = (WEB / "index.html").read_text("utf-8")
SCRIPTS = {str(path.relative_to(ASSETS)): path.read_text("utf-8") for path in ASSETS.rglob("*.js")}
MODULES = {path.removeprefix("sessions/"): source for path, source in SCRIPTS.items() if path.startswith("sessions/")}


def find_addresses(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', html)


def find_imports(path: str) -> set[str]:
    """The paths below assets of the modules that a script imports."""
    found = re.findall(r'^(?:import .*?|}) from "(\.[^"]+)";', SCRIPTS[path], re.MULTILINE)
    return {posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in found}


def read_keys(module: str, name: str) -> set[str]:
    """The keys of an object literal of a module."""
    body = re.search(rf"^const {name} = {{(.*?)}};$", MODULES[module], re.MULTILINE | re.DOTALL)
    assert body
    return set(re.findall(r"(?:^|\s)(\w+):", body[1]))


def read_codes(module: str, name: str) -> set[str]:
    """The strings of an array literal of a module."""
    body = re.search(rf"^const {name} = \[(.*?)\];$", MODULES[module], re.MULTILINE | re.DOTALL)
    assert body
    return set(re.findall(r'"(\w+)"', body[1]))


def code_of(field: str) -> str:
    """As `codeOf` of columns.js."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0]}", field).upper()


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
    imported = {name for path in SCRIPTS for name in find_imports(path)}
    addresses = [*find_addresses(PAGE), *(f"/assets/{name}" for name in imported)]

    for address in addresses:
        response = await client.get(address)
        again = await client.get(address, headers={"If-None-Match": response.headers.get("etag", "")})
        assert response.status_code == 200, address
        assert response.headers["content-type"] == f"{MEDIA_TYPES['.' + address.rpartition('.')[2]]}; charset=utf-8"
        assert response.headers["cache-control"] == again.headers["cache-control"] == "no-cache"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert again.status_code == 304
    assert imported | {"sessions/page.js"} == set(SCRIPTS)


async def test_nothing_but_assets_is_served(client: httpx.AsyncClient) -> None:
    paths = ("/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/settings.py", "/assets/sessions")

    assert {(await client.get(path)).status_code for path in paths} == {404}


def test_no_script_turns_text_into_markup() -> None:
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc")

    assert [name for name, source in SCRIPTS.items() if sinks.search(source)] == []
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|javascript:", PAGE)
    assert not re.search(r"https?://", PAGE)


def test_the_columns_that_the_page_names_are_those_of_the_code() -> None:
    codes = {column.code for column in COLUMNS.values() if column.header}

    assert read_keys("columns.js", "WIDTHS") == codes
    assert read_keys("columns.js", "LABELS") | read_codes("columns.js", "DEFAULT") <= codes
    assert read_keys("columns.js", "KINDS") <= {column.field for column in COLUMNS.values()}
    assert read_codes("dashboard.js", "GROUPS") == {group.name for group in Group} <= codes


def test_the_page_finds_the_column_of_every_order() -> None:
    columns = {order.name: COLUMNS[order.column].code for order in ORDER_FIELDS.values()}

    assert {name: code for name, code in columns.items() if code not in (name, f"{name}_SECONDS")} == {}


def test_the_pages_filters_read_the_columns_that_the_code_says() -> None:
    flags = re.findall(r'flag\("(\w+)", "', MODULES["filters.js"])
    choices = re.findall(r'choices\("(\w+)", "([A-Z_]+)"', MODULES["filters.js"])
    found = [(name, code_of(name)) for name in flags] + choices
    known = {name: condition.columns for name, condition in CONDITIONS.items()} | {"stars": ("conversation_quality",)}

    assert len(found) >= 16
    assert {name: (code.lower(),) for name, code in found} == {name: known[name] for name, _ in found}


def test_the_page_asks_the_api_what_a_viewer_may() -> None:
    document = re.search(r"const VIEWER = `(.*?)`;", MODULES["viewer.js"], re.DOTALL)
    assert document

    assert validate(build_schema()._schema, parse(document[1])) == []
    assert {"visibleColumns", "editableFields", "readableFigures"} <= set(document[1].split())


def test_the_page_has_no_rules_of_its_own_for_roles() -> None:
    named = re.compile("|".join(rf"\b{role}\b" for role in Role))
    lines = [line.strip() for source in SCRIPTS.values() for line in source.splitlines() if named.search(line)]

    assert [re.sub(r"\W.*", "", line) for line in lines] == ["const", "placeholder"], "a default choice, and a hint"


def test_the_names_of_metrics_and_editable_fields_are_those_of_the_code() -> None:
    metrics = {metric.field for metric in METRICS.values()}
    shown = set(re.findall(r'^  (\w+): {|beneath: "(\w+)"', MODULES["dashboard.js"], re.MULTILINE))
    bulk = set(re.findall(r'^  \["(\w+)", "', MODULES["bulk.js"], re.MULTILINE))

    assert {name or beneath for name, beneath in shown} == metrics
    assert bulk == set(WRITERS)
