"""Starts a Celery worker and asks it for what applications ask for; ends with an error when an answer is missing or wrong."""

import os
import subprocess
import sys
import tempfile

ANSWER = 60  # seconds that an answer may take


def check(what, got, expected):
    print(f"{what}: {got}", flush=True)
    if got != expected:
        sys.exit(f"{what}: {got} and not {expected}")


def ask(tasks):
    # Without RabbitMQ's meaning of global in basic.qos these would fill the worker's prefetch until they are due.
    for number in range(100):
        tasks.add.apply_async((number, 0), countdown=600)
    check("task 101 behind 100 that are due later", tasks.add.delay(2, 3).get(timeout=ANSWER), 5)
    check("a task that fails twice", tasks.fails_twice.delay().get(timeout=ANSWER), 2)


def ask_chord(tasks):
    from celery import chord

    # The parts keep their results in files, since results by RPC know no chords.
    check("a chord", chord([tasks.add.s(number, number) for number in range(10)])(tasks.total.s()).get(timeout=ANSWER), 90)


def run(what, results):
    os.environ["CELERY_RESULTS"] = results
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=4", "--loglevel=WARNING"],
        cwd=os.path.dirname(os.path.abspath(__file__)),
    )
    try:
        for name in [name for name in sys.modules if name == "tasks"]:
            del sys.modules[name]
        import tasks

        what(tasks)
    finally:
        worker.terminate()
        worker.wait()


if __name__ == "__main__":
    queue = os.environ["CELERY_QUEUE"]
    run(ask, "rpc://")
    # What was not due is still in that queue.
    os.environ["CELERY_QUEUE"] = queue + ".chord"
    with tempfile.TemporaryDirectory() as folder:
        run(ask_chord, "file://" + folder)
    print("done")
