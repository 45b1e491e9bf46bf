"""A work queue: every number is claimed once."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from hf_gradexplain.run.shard_queue import ShardQueue, Totals


def claim_many(folder):
    queue = ShardQueue(folder)
    claimed = [queue.claim_next()]
    while claimed[-1] < 200:
        claimed.append(queue.claim_next(documents=3, cost=10))
    return claimed


def test_every_number_is_claimed_by_one_process(tmp_path):
    ShardQueue(tmp_path).start()
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        claimed = list(pool.map(claim_many, [tmp_path] * 3))
    assert sorted(number for numbers in claimed for number in numbers) == list(range(203))
    assert ShardQueue(tmp_path).totals() == Totals(claimed=203, shards=200, documents=600, cost=2000)


def test_a_run_starts_at_zero_and_leaves_no_file(tmp_path):
    queue = ShardQueue(tmp_path)
    queue.start()
    assert [queue.claim_next(), queue.claim_next(documents=1, cost=1)] == [0, 1]
    queue.start()
    assert queue.totals() == Totals()
    queue.end()
    assert list(tmp_path.iterdir()) == []


def test_documents_of_the_shard_in_progress_count_until_it_is_finished(tmp_path):
    queue = ShardQueue(tmp_path)
    queue.start()
    queue.claim_next()
    queue.advance(documents=2, cost=7)
    queue.advance(documents=1, cost=1)
    assert queue.totals() == Totals(claimed=1, documents=3, cost=8)
    assert ShardQueue(tmp_path).totals() == Totals(claimed=1)
    queue.claim_next(documents=5, cost=10)
    assert queue.totals() == Totals(claimed=2, shards=1, documents=5, cost=10)
