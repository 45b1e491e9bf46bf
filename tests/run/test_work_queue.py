"""Tickets: every number once, whoever draws."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from hf_gradexplain.run.work_queue import Totals, WorkQueue


def draw_many(folder):
    queue = WorkQueue(folder)
    claimed = [queue.claim_next()]
    while claimed[-1] < 200:
        claimed.append(queue.claim_next(documents=3, cost=10))
    return claimed


def test_every_number_is_drawn_once_by_whoever_comes_first(tmp_path):
    WorkQueue(tmp_path).start()
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        claimed = list(pool.map(draw_many, [tmp_path] * 3))
    assert sorted(number for numbers in claimed for number in numbers) == list(range(203))
    assert WorkQueue(tmp_path).totals() == Totals(claimed=203, shards=200, documents=600, cost=2000)


def test_a_run_begins_at_zero_and_leaves_nothing(tmp_path):
    queue = WorkQueue(tmp_path)
    queue.start()
    assert [queue.claim_next(), queue.claim_next(documents=1, cost=1)] == [0, 1]
    queue.start()
    assert queue.totals() == Totals()
    queue.end()
    assert list(tmp_path.iterdir()) == []
