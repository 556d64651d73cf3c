# SPDX-License-Identifier: Apache-2.0
"""The worker thread: order, cancelling, newest wins, failures, closing."""

from __future__ import annotations

import logging
import threading

import pytest

from eschernet_ros.errors import EscherNetError
from eschernet_ros.synthesis import (
    JobCancelledError,
    JobState,
    SynthesisWorker,
    WorkerBusyError,
    WorkerClosedError,
    WorkerCounts,
)

PATIENCE_S = 60.0


@pytest.fixture
def worker(pipeline):
    with SynthesisWorker(pipeline, queue_size=3) as running:
        yield running
        pipeline.allow(1000)


def test_job_gives_progress_and_its_result(worker, pipeline, request_of):
    progress, ended = [], []
    pipeline.allow(3)
    job = worker.submit(request_of(7), lambda *step: progress.append(step), ended.append)
    result = job.result(PATIENCE_S)
    assert (result.images == 7).all()
    assert result.images.shape == (3, 8, 8, 3)
    assert result.notice == "made up"
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert ended == [job]
    assert job.state is JobState.DONE
    assert worker.counts == WorkerCounts(submitted=1, done=1)


def test_jobs_run_in_order_and_the_queue_is_bounded(worker, pipeline, request_of):
    first = worker.submit(request_of(1))
    assert pipeline.wait_begun() == 1
    others = [worker.submit(request_of(seed)) for seed in (2, 3, 4)]
    with pytest.raises(WorkerBusyError, match="3 syntheses are waiting"):
        worker.submit(request_of(5))
    assert worker.waiting == 3
    assert first.state is JobState.RUNNING
    assert {job.state for job in others} == {JobState.WAITING}
    pipeline.allow(12)
    for job in others:
        job.result(PATIENCE_S)
    assert pipeline.started == [1, 2, 3, 4]
    assert worker.counts == WorkerCounts(submitted=4, done=4)


def test_running_job_is_cancelled_at_its_next_step(worker, pipeline, request_of):
    progress = []
    job = worker.submit(request_of(1), lambda step, _: progress.append(step))
    pipeline.wait_begun()
    job.cancel()
    job.cancel()
    pipeline.allow(1)
    with pytest.raises(JobCancelledError, match="was cancelled"):
        job.result(PATIENCE_S)
    assert job.state is JobState.CANCELLED
    assert progress == []
    pipeline.allow(3)
    assert (worker.submit(request_of(2)).result(PATIENCE_S).images == 2).all()
    assert worker.counts == WorkerCounts(submitted=2, done=1, cancelled=1)


def test_job_may_be_cancelled_from_its_own_progress(worker, pipeline, request_of):
    seen = []

    def stop(step: int, _steps: int) -> None:
        seen.append(step)
        if step == 2:
            job.cancel()

    job = worker.submit(request_of(1, steps=50), stop)
    pipeline.allow(50)
    assert job.wait(PATIENCE_S)
    assert (job.state, seen) == (JobState.CANCELLED, [1, 2])


def test_waiting_job_is_cancelled_at_once(worker, pipeline, request_of):
    ended = []
    worker.submit(request_of(1))
    pipeline.wait_begun()
    job = worker.submit(request_of(2), on_done=ended.append)
    job.cancel()
    assert ended == [job]
    assert job.state is JobState.CANCELLED
    assert job.wait(0)
    job.cancel()
    assert worker.counts.cancelled == 1
    assert worker.waiting == 0


def test_cancelling_an_ended_job_changes_nothing(worker, pipeline, request_of):
    pipeline.allow(3)
    job = worker.submit(request_of(1))
    job.result(PATIENCE_S)
    job.cancel()
    assert job.state is JobState.DONE
    assert worker.counts == WorkerCounts(submitted=1, done=1)


def test_newest_latest_replaces_the_waiting_one_and_ends_the_running_one(worker, pipeline, request_of):
    ended = []
    running = worker.submit_latest(request_of(1), on_done=ended.append)
    pipeline.wait_begun()
    waiting = worker.submit_latest(request_of(2), on_done=ended.append)
    newest = worker.submit_latest(request_of(3), on_done=ended.append)
    assert waiting.state is JobState.REPLACED
    assert running.state is JobState.RUNNING
    assert worker.waiting == 1
    pipeline.allow(4)
    assert (newest.result(PATIENCE_S).images == 3).all()
    assert ended == [waiting, running, newest]
    assert running.state is JobState.REPLACED
    with pytest.raises(JobCancelledError, match="was replaced"):
        running.result(0)
    assert pipeline.started == [1, 3]
    assert worker.counts == WorkerCounts(submitted=3, done=1, replaced=2)


def test_latest_does_not_end_an_ordinary_job(worker, pipeline, request_of):
    ordinary = worker.submit(request_of(1))
    pipeline.wait_begun()
    latest = worker.submit_latest(request_of(2))
    pipeline.allow(6)
    ordinary.result(PATIENCE_S)
    latest.result(PATIENCE_S)
    assert pipeline.started == [1, 2]


def test_the_two_kinds_take_turns_and_a_replacement_keeps_the_turn(worker, pipeline, request_of):
    worker.submit(request_of(1))
    pipeline.wait_begun()
    worker.submit_latest(request_of(2))
    last = worker.submit(request_of(3))
    worker.submit_latest(request_of(4))
    pipeline.allow(9)
    last.result(PATIENCE_S)
    assert pipeline.started == [1, 4, 3]


def test_cancelled_latest_leaves_its_place(worker, pipeline, request_of):
    worker.submit(request_of(1))
    pipeline.wait_begun()
    latest = worker.submit_latest(request_of(2))
    latest.cancel()
    assert latest.state is JobState.CANCELLED
    assert worker.waiting == 0


def test_failure_reaches_the_owner_and_the_thread_goes_on(worker, pipeline, request_of, caplog):
    ended = []
    for error in (RuntimeError("out of memory"), EscherNetError("bad pose"), SystemExit(3)):
        pipeline.error = error
        pipeline.allow(1)
        job = worker.submit(request_of(1), on_done=ended.append)
        with pytest.raises(type(error)) as raised:
            job.result(PATIENCE_S)
        assert raised.value is error
        assert job.state is JobState.FAILED
    pipeline.allow(3)
    worker.submit(request_of(2)).result(PATIENCE_S)
    assert len(ended) == 3
    assert worker.counts == WorkerCounts(submitted=4, done=1, failed=3)
    levels = {record.getMessage(): record.levelno for record in caplog.records}
    assert levels["A synthesis failed: out of memory"] == logging.ERROR
    assert levels["A synthesis failed: bad pose"] == logging.WARNING


def test_callbacks_that_raise_are_logged_and_harm_nothing(worker, pipeline, request_of, caplog):
    def bad(*_arguments) -> None:
        raise KeyError("callback")

    pipeline.allow(3)
    job = worker.submit(request_of(1), bad, bad)
    assert (job.result(PATIENCE_S).images == 1).all()
    assert caplog.text.count("on_progress callback") == 3
    assert caplog.text.count("on_done callback") == 1


def test_job_may_submit_the_next_from_on_done(worker, pipeline, request_of):
    following = []
    ready = threading.Event()

    def go_on(_job) -> None:
        following.append(worker.submit(request_of(2)))
        ready.set()

    pipeline.allow(6)
    worker.submit(request_of(1), on_done=go_on)
    assert ready.wait(PATIENCE_S)
    assert (following[0].result(PATIENCE_S).images == 2).all()


def test_close_cancels_everything_and_ends_the_thread(pipeline, request_of):
    ended = []
    worker = SynthesisWorker(pipeline)
    running = worker.submit(request_of(1), on_done=ended.append)
    pipeline.wait_begun()
    waiting = [worker.submit(request_of(2), on_done=ended.append)]
    waiting.append(worker.submit_latest(request_of(3), on_done=ended.append))
    assert not worker.close(timeout=0)  # the pipeline is in the middle of a step
    assert [job.state for job in waiting] == [JobState.CANCELLED] * 2
    with pytest.raises(WorkerClosedError):
        worker.submit(request_of(4))
    with pytest.raises(WorkerClosedError):
        worker.submit_latest(request_of(4))
    pipeline.allow(1)
    assert worker.close()
    assert running.state is JobState.CANCELLED
    assert ended == [*waiting, running]
    assert worker.counts == WorkerCounts(submitted=3, cancelled=3)


def test_worker_may_be_closed_from_a_callback(pipeline, request_of):
    worker = SynthesisWorker(pipeline)
    pipeline.allow(3)
    answers = []
    job = worker.submit(request_of(1), on_done=lambda _: answers.append(worker.close()))
    assert job.wait(PATIENCE_S)
    assert answers == [False]
    assert worker.close()


def test_result_not_there_in_time(worker, pipeline, request_of):
    job = worker.submit(request_of(1))
    with pytest.raises(TimeoutError):
        job.result(0)
    assert not job.wait(0)


def test_queue_without_room_is_refused(pipeline):
    with pytest.raises(EscherNetError, match="at least 1 job"):
        SynthesisWorker(pipeline, queue_size=0)


def test_every_job_ends_exactly_once_under_load(pipeline, request_of):
    """Four threads submit, replace and cancel at the same time."""
    pipeline.allow(100_000)
    ended: list = []
    jobs: list = []
    with SynthesisWorker(pipeline, queue_size=1000) as worker:

        def work(seed: int) -> None:
            for number in range(25):
                submit = worker.submit_latest if number % 3 else worker.submit
                job = submit(request_of(seed, steps=2), on_done=ended.append)
                jobs.append(job)
                if number % 5 == 0:
                    job.cancel()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(job.wait(PATIENCE_S) for job in jobs)
        counts = worker.counts
    assert len(ended) == len(set(map(id, ended))) == len(jobs) == 100
    assert counts.submitted == counts.done + counts.cancelled + counts.replaced == 100
