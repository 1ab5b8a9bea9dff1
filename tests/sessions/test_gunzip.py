"""Decompression as a stream: any chunks, several members, and nothing lost before damage."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_graph.sessions.gunzip import STEP, DamagedGzip, Gunzip


def unpack(packed: bytes, size: int) -> tuple[bytes, str | None]:
    """Return what is decompressed of chunks of this size, and the damage."""
    gunzip, data = Gunzip(), b""
    try:
        for start in range(0, len(packed), size):
            for part in gunzip.feed(packed[start : start + size]):
                data += part
        gunzip.finish()
    except DamagedGzip as error:
        return data, error.message
    return data, None


@settings(deadline=None)
@given(st.lists(st.binary(max_size=2000), max_size=4), st.integers(1, 500))
def test_members_are_joined_however_the_stream_is_cut(members: list[bytes], size: int) -> None:
    assert unpack(b"".join(map(gzip.compress, members)), size) == (b"".join(members), None)


def test_what_is_packed_a_thousandfold_comes_in_steps() -> None:
    packed = gzip.compress(bytes(20 * STEP + 7))

    parts = [len(part) for part in Gunzip().feed(packed)]

    assert sum(parts) == 20 * STEP + 7
    assert max(parts) == STEP


def test_padding_after_a_member_is_none_of_it() -> None:
    assert unpack(gzip.compress(b"one") + bytes(1000) + gzip.compress(b"two") + bytes(9), 64) == (b"onetwo", None)


@settings(deadline=None)
@given(st.data(), st.integers(20, 5000))
def test_a_stream_that_is_cut_off_gives_all_that_can_be_known(data: st.DataObject, size: int) -> None:
    packed = gzip.compress(b"".join(b"%d," % number for number in range(3000)))
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]

    assert unpack(cut, size) == (
        zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(cut),
        "The gzip data is damaged: it ends too early",
    )


@pytest.mark.parametrize("size", [1, 100, 10**6])
def test_what_stands_before_damage_is_kept(size: int) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    before = packer.compress(b"before") + packer.flush(zlib.Z_FULL_FLUSH)

    data, damage = unpack(before + b"\x07" * 1000, size)

    assert data == b"before"
    assert damage
    assert damage.startswith("The gzip data is damaged: Error -3 while decompressing data: invalid block type")


def test_what_is_no_member_after_one_is_damage() -> None:
    data, damage = unpack(gzip.compress(b"whole") + b"rubbish", 8)

    assert data == b"whole"
    assert damage
