"""Token buckets refill at their pace, and a table of them stays small."""

from dataclasses import dataclass
from math import inf

import pytest

from session_graph.token_bucket import TokenBucket, TokenBuckets


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_capacity_at_once_and_then_its_pace() -> None:
    clock = Clock()
    bucket = TokenBucket(3, 2, clock)

    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert [bucket.take() for _ in range(2)] == [0, 0.5]


def test_a_refused_amount_takes_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 1, clock)
    bucket.take(8)

    assert bucket.take(5) == 3
    assert bucket.take(2) == 0


def test_a_bucket_never_holds_more_than_its_capacity() -> None:
    clock = Clock()
    bucket = TokenBucket(3, 2, clock)
    bucket.take(3)
    clock.now += 1000

    assert bucket.is_full()
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_an_amount_above_the_capacity_never_fits() -> None:
    assert TokenBucket(3, 2, Clock()).take(4) == inf


def test_an_amount_above_the_capacity_may_take_a_full_bucket_and_owe_the_rest() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 2, clock)
    bucket.take(4)

    assert bucket.take(25, may_owe=True) == 2
    assert bucket.tokens == 6
    clock.now += 2
    assert bucket.take(25, may_owe=True) == 0
    assert bucket.tokens == -15
    assert bucket.take(1) == 8
    assert bucket.take(25, may_owe=True) == 12.5
    assert not bucket.is_full()


def test_an_amount_may_leave_some_tokens_for_others() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 2, clock)

    assert bucket.take(5, keep=5) == 0
    assert bucket.take(1, keep=5) == 0.5
    assert bucket.take(6, keep=5) == inf
    assert bucket.take(6, keep=5, may_owe=True) == 2.5
    clock.now += 2.5
    assert bucket.take(6, keep=5, may_owe=True) == 0
    assert bucket.tokens == 4


def test_what_is_given_back_can_be_taken_again() -> None:
    bucket = TokenBucket(10, 2, Clock())
    bucket.take(10)
    bucket.put(20)

    assert bucket.is_full()
    assert bucket.take(10) == 0


def test_what_was_used_already_may_be_owed() -> None:
    clock = Clock()
    buckets = TokenBuckets(10, 2, clock=clock)
    for _ in range(12):
        buckets.owe("a")

    assert buckets.take("a") == 1.5
    clock.now += 1.5
    assert buckets.take("a") == 0


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = TokenBuckets(1, 1, clock=Clock())

    assert [buckets.take(key) for key in ("a", "a", "b")] == [0, 1, 0]


def test_full_buckets_are_forgotten() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, 1, clock=clock)
    for number in range(50):
        buckets.take(number)
    clock.now += 1
    buckets.take("new")

    assert len(buckets) == 1


@pytest.mark.parametrize("most", [1, 7, 100])
def test_a_table_is_bounded_and_drops_what_was_used_longest_ago(most: int) -> None:
    buckets = TokenBuckets(1, 0.001, most, Clock())
    for number in range(10 * most):
        buckets.take(number)

    assert len(buckets) == most
    assert buckets.take(10 * most - 1) > 0, "the newest is known"
    assert buckets.take(0) == 0, "the oldest is forgotten"
