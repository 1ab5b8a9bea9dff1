import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import httpx
from hypothesis import given
from hypothesis import strategies as st

from session_graph.http.negotiation import JSON
from support.toy import ToyApp


async def post(body: bytes | str) -> httpx.Response:
    return await ToyApp().client().post("/graphql", content=body, headers={"Content-Type": JSON})


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WORDS = """query mutation subscription fragment on { } ( ) [ ] : ! $ @ ... "a" 1 -2.5e3 true null a A Query hello toys
first name by even wish text fails how $n $n: Int $e: Even! @skip(if: true) @include # é \ud7ff"""
DOCUMENTS = st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join)
QUERIES = st.sampled_from(
    [
        "query($v: Even!) { even(number: $v) }",
        "query($v: Int) { toys(first: $v) { name } }",
        "query($v: Wish!) { wish(wish: $v) }",
        "query($v: By) { toy(by: $v) { name } }",
        "query($v: [By!]) { hello }",
        "query($v: String = 1) { hello(name: $v) }",
    ]
)
PYTHON = ("NoneType", "__init__", "object has no", "unexpected keyword", "Traceback", "TypeError", "Maybe[")


def check_refusal(response: httpx.Response) -> None:
    """Never a fault of ours, always the shape of GraphQL, never Python's own words."""
    assert response.status_code in (200, 400, 405, 413)
    answer = response.json()
    assert answer.keys() in ({"data"}, {"errors"}, {"errors", "data"})
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] in ("BAD_USER_INPUT", "TOO_LARGE", "INTERNAL")
        assert len(error["message"]) <= 500
        assert not any(word in error["message"] for word in PYTHON)


@given(st.binary(max_size=100) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_body_is_a_fault_of_ours(body: bytes) -> None:
    check_refusal(asyncio.run(post(body)))


@given(
    st.fixed_dictionaries(
        {"query": DOCUMENTS | QUERIES | st.text(st.characters(codec="utf-8")) | JSON_VALUES},
        optional={
            "variables": st.dictionaries(st.sampled_from(["v", "n", "e", "x"]), JSON_VALUES) | JSON_VALUES,
            "operationName": st.sampled_from(["A", "", None]) | JSON_VALUES,
            "extensions": JSON_VALUES,
        },
    )
)
def test_no_request_is_a_fault_of_ours(body: dict[str, Any]) -> None:
    check_refusal(asyncio.run(post(json.dumps(body))))


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"))
    | st.dictionaries(st.sampled_from(["query", "variables", "operationName"]), DOCUMENTS).map(urlencode)
)
def test_no_query_string_is_a_fault_of_ours(query_string: str) -> None:
    check_refusal(asyncio.run(ToyApp().client().get(httpx.URL("/graphql", query=query_string.encode()))))
