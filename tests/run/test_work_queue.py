"""Tickets: every number once, whoever draws."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from hf_gradexplain.run.work_queue import Tally, Tickets


def draw_many(folder):
    tickets = Tickets(folder)
    drawn = [tickets.draw()]
    while drawn[-1] < 200:
        drawn.append(tickets.draw(documents=3, cost=10))
    return drawn


def test_every_number_is_drawn_once_by_whoever_comes_first(tmp_path):
    Tickets(tmp_path).start()
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        drawn = list(pool.map(draw_many, [tmp_path] * 3))
    assert sorted(number for numbers in drawn for number in numbers) == list(range(203))
    assert Tickets(tmp_path).tally() == Tally(drawn=203, ranges=200, documents=600, cost=2000)


def test_a_run_begins_at_zero_and_leaves_nothing(tmp_path):
    tickets = Tickets(tmp_path)
    tickets.start()
    assert [tickets.draw(), tickets.draw(documents=1, cost=1)] == [0, 1]
    tickets.start()
    assert tickets.tally() == Tally()
    tickets.end()
    assert list(tmp_path.iterdir()) == []
