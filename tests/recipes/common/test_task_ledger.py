"""Steps run once, in order, and in whichever process comes first."""

import json
import time
from functools import partial
from threading import Thread

import pytest
from filelock import FileLock

from hf_gradexplain.errors import GradexplainError
from recipes.common import task_ledger
from recipes.common.task_ledger import Ledger, Step


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "steps")


@pytest.fixture
def step(tmp_path):
    """Makes a step that records every run of it."""

    def make(name, *needs, made=1, **asked):
        output = tmp_path / name.replace("/", "-")

        def work():
            with output.open("a") as file:
                file.write("done\n")
            return made

        return Step(name, output, asked, work, needs)

    return make


def times(*steps):
    return [step.output.read_text().count("done") for step in steps]


def test_steps_are_done_once_and_after_what_they_need(ledger, step):
    first = step("train/a", rows=3)
    second = step("evaluate/a", first, unit="word")
    ledger.run_all([second, first])
    ledger.run_all([second, first])
    assert times(first, second) == [1, 1]
    assert ledger.stamp(second)["asked"] == {"unit": "word", "train/a": 1}


def test_what_was_interrupted_is_done_again_and_nothing_else(ledger, step):
    first, second = step("a"), step("b")
    ledger.run_all([first, second])
    (ledger.folder / "b.json").unlink()
    ledger.run_all([first, second])
    assert times(first, second) == [1, 2]


def test_a_failure_leaves_no_stamp(ledger, tmp_path):
    def fail():
        raise GradexplainError("no room")

    failing = Step("a", tmp_path / "a", {}, fail)
    with pytest.raises(GradexplainError, match="no room"):
        ledger.run_all([failing])
    assert ledger.stamp(failing) is None


def test_another_input_is_refused_by_name(ledger, step):
    ledger.run_all([step("a", rows=3)])
    with pytest.raises(GradexplainError, match="a was made with rows 3, but now rows is 4; give another --output_dir"):
        ledger.run_all([step("a", rows=4)])
    with pytest.raises(GradexplainError, match="was made with seed None, but now seed is 0"):
        ledger.stamp(step("a", rows=3, seed=0))


def test_another_result_of_what_was_needed_is_refused(ledger, step):
    first = step("train/a", made="weights 1")
    ledger.run_all([first, step("evaluate/a", first)])
    (ledger.folder / "train/a.json").unlink()
    again = step("train/a", made="weights 2")
    with pytest.raises(
        GradexplainError, match="evaluate-a was made with train/a 'weights 1', but now train/a is 'weights 2'"
    ):
        ledger.run_all([again, step("evaluate/a", again)])


def test_an_output_that_is_missing_is_reported(ledger, step):
    gone = step("a")
    ledger.run_all([gone])
    gone.output.unlink()
    with pytest.raises(GradexplainError, match=r"a is missing, but .*a\.json marks it as finished; delete"):
        ledger.run_all([gone])


def test_the_stamp_says_what_it_took(ledger, step):
    ledger.run_all([step("a", made={"weights": "x"})])
    stamp = json.loads((ledger.folder / "a.json").read_text())
    assert stamp["made"] == {"weights": "x"}
    assert stamp["seconds"] >= 0
    assert len(stamp["code"]) == 64


def test_two_that_start_at_once_share_the_steps(tmp_path):
    """Threads with ledgers of their own: a file lock also works between threads."""
    done = []

    def steps_of(who):
        def work(number):
            time.sleep(0.1)
            done.append((number, who))

        outputs = [tmp_path / f"{i}" for i in range(4)]
        for output in outputs:
            output.touch()
        return [Step(f"s{i}", output, {}, partial(work, i)) for i, output in enumerate(outputs)]

    threads = [Thread(target=Ledger(tmp_path / "steps").run_all, args=(steps_of(who),)) for who in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in done) == [0, 1, 2, 3]
    assert {who for _, who in done} == {0, 1}


def test_a_step_that_another_process_has_locked_is_left_to_it(ledger, step, monkeypatch):
    mine, theirs = step("a"), step("b")
    ledger.folder.mkdir()
    lock = FileLock(ledger.folder / "b.lock")
    lock.acquire()
    seen = []

    def wait(seconds):
        seen.append(times(mine))
        assert not theirs.output.exists()
        lock.release()

    monkeypatch.setattr(task_ledger.time, "sleep", wait)
    ledger.run_all([theirs, mine])
    assert seen == [[1]]
    assert times(theirs) == [1]


def test_a_step_that_was_finished_just_before_it_was_locked_is_not_run_again(ledger, step, monkeypatch):
    mine = step("a")

    def late(*arguments, **options):
        monkeypatch.setattr(task_ledger, "FileLock", FileLock)
        Ledger(ledger.folder).run_all([mine])
        return FileLock(*arguments, **options)

    monkeypatch.setattr(task_ledger, "FileLock", late)
    ledger.run_all([mine])
    assert times(mine) == [1]
