"""JSON texts are measured before they are parsed, whatever their strings have in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_graph import json_bounds
from session_graph.errors import TooLarge
from session_graph.json_bounds import (
    check_values,
    count_values,
    has_large_number,
    outermost_names,
    replace_lone_surrogates,
)

TEXTS = st.text(st.sampled_from('ab\\"[]{},: 019-.e\né'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


def count(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count, inner))


def is_large(value: Any) -> bool:
    if isinstance(value, int):
        return not -(2**63) <= value < 2**64
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(is_large, inner))


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(json_bounds, "SLICE_BYTES", 3)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_a_text_is_measured_as_its_value_is(value: Any, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()

    assert count_values(text) == count(value)
    assert has_large_number(text) == is_large(value)


@given(st.lists(st.sampled_from(["a", "\\\\", "\\n", "\\ud83d", "\\uDE00", "\\u00e9", "d83d", '\\"']), max_size=12))
def test_only_lone_surrogates_are_replaced(parts: list[str]) -> None:
    text = f'["{"".join(parts)}"]'
    (expected,) = json.loads(text)

    (replaced,) = json.loads(replace_lone_surrogates(text.encode()))

    assert replaced == expected.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_only_the_names_of_the_outermost_object_are_found(value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=1).encode()

    assert [json.loads(name) for name in outermost_names(text)] == list(value)


@pytest.mark.parametrize("text", [b'"\\\\\\', b'"abc', b"[[[", b"]]}", b"1e", b"\\", b"", b'"\\"', b"\xff[\xff"])
def test_a_text_that_is_not_json_is_measured_too(text: bytes) -> None:
    assert isinstance(count_values(text), int)
    assert not has_large_number(text)
    list(outermost_names(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"[" + b"0," * 99 + b"0]", 101),
        (b"[" + b"{}," * 99 + b"[ ]]", 101),
        (b'{"a":0' + b',"a":0' * 99 + b"}", 101),
        (b"[" * 101 + b"]" * 101, 101),
        (b'["' + b"," * 99 + b'",' + b"[0]," * 49 + b"1]", 101),
    ],
)
def test_more_values_than_the_limit_are_refused_with_both_numbers(text: bytes, values: int) -> None:
    check_values(text, values, "The body")

    with pytest.raises(TooLarge, match=r"The body may have 100 values in all; this one has 101\."):
        check_values(text, values - 1, "The body")


def test_commas_and_brackets_in_strings_are_no_values() -> None:
    check_values(json.dumps(["[{,}]" * 10_000]).encode(), 2, "The body")
