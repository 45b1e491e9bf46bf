"""Real processes: any number of them gives the same bytes, also after some were killed."""

import json
import random
import signal
import time
from os import kill

import pytest

from tests.run.conftest import contents

SHARDS = 34
"""Of 101 documents, in shards of 3."""


@pytest.mark.parametrize("n", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in (7, 101))])
def test_any_number_of_processes_gives_the_same_bytes(n, start, arguments, tmp_path):
    more = {"methods": ["random", "loo", "sa_l2", "signed_gi", "shapley"], "max_evals": 60}
    runs = [start(tmp_path / str(world), world, **{**arguments(n), **more}) for world in (1, 2, 3, 4)]
    assert [run.wait() for run in runs] == [0] * 4, "".join(run.printed() for run in runs)
    alone = contents(tmp_path / "1")
    assert len([name for name in alone if name[0].isdigit() and name.endswith(".parquet")]) == -(-n // 3)
    for world in (2, 3, 4):
        assert contents(tmp_path / str(world)) == alone


def test_a_stream_gives_the_same_documents_as_a_loaded_dataset(start, arguments, tmp_path):
    runs = [start(tmp_path / "loaded", 1, **arguments(7))]
    runs += [start(tmp_path / "streamed", 2, **arguments(7, streaming=True))]
    assert [run.wait() for run in runs] == [0, 0], runs[1].printed()
    loaded, streamed = contents(tmp_path / "loaded"), contents(tmp_path / "streamed")
    record = json.loads(streamed.pop("inputs.json"))
    for folder, name in ((loaded, "inputs.json"), (loaded, "inputs.json.sha256"), (streamed, "inputs.json.sha256")):
        del folder[name]
    assert streamed == loaded
    assert (record["texts"], record["split"], record["max_samples"]) == ("streamed", "test", None)
    shorter = start(tmp_path / "streamed", 1, **arguments(7, streaming=True, max_samples=3))
    assert shorter.wait() == 1
    assert "(max_samples was None, now 3)" in shorter.printed()


def strike(run, rng):
    """Kill the launcher or processes at a random moment, or after a random number of finished shards."""
    everyone, began = range(len(run.processes)), time.monotonic()
    until, enough = rng.uniform(0, 4), rng.choice([SHARDS, rng.randint(1, 12)]) + len(run.finished())
    while time.monotonic() < began + until and len(run.finished()) < enough and not (run.log / "code").exists():
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.05))
    run.kill(rng.choice(["launcher", "all", *everyone]))


def kill_and_resume(start, arguments, folder, rng, kills):
    """Kill run after run in one folder, until one ends before it is killed or all kills are done; then let it end.

    Returns:
        The number of killed runs.
    """
    killed = 0
    while True:
        (folder / ".work_queue").unlink(missing_ok=True)  # the totals read below are then those of this run
        run = start(folder, rng.randint(1, 3), **arguments)
        before = run.finished()
        if killed < kills:
            strike(run, rng)
        code, after = run.wait(), run.finished()
        assert before.items() <= after.items(), "a finished shard is kept and not computed again"
        if before and "reused" in run.printed():
            assert f"reused {len(before)} of {SHARDS} shards" in run.printed()
        if code == 0:
            return killed
        if killed == kills:
            pytest.fail(run.printed())
        killed += 1
        in_flight = run.totals().claimed - (len(after) - len(before))
        assert in_flight <= len(run.processes), "at most one shard per process is lost"


def campaign(start, arguments, tmp_path, seed, kills):
    assert start(tmp_path / "undisturbed", 2, **arguments(101)).wait() == 0
    rng, killed, round_ = random.Random(seed), 0, 0
    while killed < kills:
        folder = tmp_path / f"killed{round_}"
        killed += kill_and_resume(start, arguments(101), folder, rng, kills - killed)
        assert contents(folder) == contents(tmp_path / "undisturbed")
        round_ += 1


@pytest.mark.slow
def test_kills_at_random_moments_change_nothing(start, arguments, tmp_path):
    campaign(start, arguments, tmp_path, seed=0, kills=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_kills_at_random_moments_change_nothing(seed, start, arguments, tmp_path):
    campaign(start, arguments, tmp_path, seed=seed, kills=15)


def wait_for_first_shard(run):
    while not run.finished():
        time.sleep(0.005)


def test_orphaned_processes_stop(start, arguments, tmp_path):
    run = start(tmp_path / "out", 2, **arguments(101))
    wait_for_first_shard(run)
    run.kill("launcher")
    assert run.wait(patience=20) is None
    assert "the launcher of this process was killed" in run.printed()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("world", [1, 2])
def test_an_interrupted_run_says_that_it_can_be_resumed(number, world, start, arguments, tmp_path):
    run = start(tmp_path / "out", world, **arguments(101))
    wait_for_first_shard(run)
    kill(min(run.processes), number)
    assert run.wait() == 1
    assert run.printed().count("stopped: run the same command again to resume; finished shards are kept") == 1
    assert f"\n{128 + number}\n" in run.printed(), "the exit code, which the server prints"
    assert "Traceback" not in run.printed()


def test_a_stopped_process_is_named_after_a_while(start, arguments, tmp_path):
    run = start(tmp_path / "out", 2, **arguments(101))
    wait_for_first_shard(run)
    stopped, until = max(run.processes), time.monotonic() + 60
    kill(stopped, signal.SIGSTOP)
    while "no sign of life" not in run.printed():
        assert time.monotonic() < until, run.printed()
        time.sleep(0.05)
    kill(stopped, signal.SIGCONT)
    assert run.wait() == 0
    assert f"rank 1 (process {stopped} of " in run.printed()


def test_a_folder_locked_by_another_run_or_its_remaining_processes_is_an_error(start, arguments, tmp_path):
    run = start(tmp_path / "out", 2, **arguments(101))
    wait_for_first_shard(run)
    main, other = run.processes
    for pid in (main, other):
        kill(pid, signal.SIGSTOP)
    second = start(tmp_path / "out", 1, **arguments(101))
    assert second.wait() == 1
    assert f"error: another run is writing to {tmp_path / 'out'}: wait for it" in second.printed()
    run.kill("launcher")
    run.kill(0)
    third = start(tmp_path / "out", 1, **arguments(101))
    assert third.wait() == 1
    assert f"process 1 of an earlier run is writing to {tmp_path / 'out'}: wait for it" in third.printed()
    run.kill(1)
    assert start(tmp_path / "out", 1, **arguments(101)).wait() == 0


def test_several_processes_print_an_error_once(start, arguments, tmp_path):
    assert start(tmp_path / "out", 1, **arguments(2)).wait() == 0
    other = start(tmp_path / "out", 3, **arguments(2, seed=1))
    assert other.wait() == 1
    assert other.printed().count("holds a run made from other inputs (seed was 0, now 1)") == 1
