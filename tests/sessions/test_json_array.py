"""The splitting of a JSON array: whatever the elements are, and however the text is cut into chunks."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_graph.sessions.json_array import ArraySplitter, BrokenArray
from session_graph.sessions.json_lines import LONGEST

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.sampled_from('a"\\[]{},:é\n ')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a"\\[{', max_size=4), inner, max_size=4),
    max_leaves=12,
)


def split(text: bytes, size: int = 7) -> list[tuple[int, bytes]]:
    splitter = ArraySplitter()
    chunks = (text[start : start + size] for start in range(0, len(text), size))
    return [(splitter.number, element) for element in splitter.split(chunks)]


@settings(deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.sampled_from([0, orjson.OPT_INDENT_2]))
def test_the_elements_are_those_of_the_array(values: list[Any], size: int, indent: int) -> None:
    found = split(orjson.dumps(values, option=indent), size)

    assert [orjson.loads(element) for _, element in found] == values
    assert [number for number, _ in found] == list(range(1, len(values) + 1))


def test_an_element_that_is_not_json_is_one_element() -> None:
    assert split(b'[{"a": NaN}, oops, 1 2, {"b": 1}]') == [
        (1, b'{"a": NaN}'),
        (2, b" oops"),
        (3, b" 1 2"),
        (4, b' {"b": 1}'),
    ]


@pytest.mark.parametrize("text", [b"[]", b"[ \n ]\n", b"[,]"])
def test_nothing_between_commas_is_no_element(text: bytes) -> None:
    assert split(text) == []


@pytest.mark.parametrize(
    "text", [b"[", b"[1,", b'["a', b'["\\', b"[[1]", b"[1] 2", b"[1], [2]", b"[1]]", b'[{"a": 1}}, 2]']
)
def test_a_broken_array_is_an_error(text: bytes) -> None:
    with pytest.raises(BrokenArray):
        split(text)


def test_an_element_that_is_too_long_is_cut_and_the_next_one_is_whole() -> None:
    (_, cut), (_, whole) = split(b'["' + b"x" * (LONGEST + 100) + b'", 2]', 65536)

    assert (len(cut), whole) == (LONGEST + 1, b" 2")
