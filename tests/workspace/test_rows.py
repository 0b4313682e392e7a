"""Parts are worked on in threads, a few at a time, and come in their order."""

import time

import pytest

from akasa.workspace import rows


def test_what_becomes_of_parts_comes_in_their_order_and_few_are_taken_ahead():
    taken, given = [], []

    def parts():
        for number in range(6):
            taken.append(number)
            yield number

    def work(number):
        time.sleep(0.02 if number == 0 else 0)
        return 10 * number

    for made in rows.at_once(work, parts()):
        given.append(made)
        assert len(taken) - len(given) < rows.PARTS_AT_ONCE
    assert given == [0, 10, 20, 30, 40, 50]


def test_a_part_that_fails_ends_the_work():
    with pytest.raises(ZeroDivisionError):
        list(rows.at_once(lambda number: 1 / number, [1, 0, 2]))
