"""The tasks of a Celery application: what the worker runs and the program asks for."""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["AMQP_URL"], backend=os.environ["CELERY_RESULTS"])
app.conf.update(
    task_default_queue=os.environ["CELERY_QUEUE"],
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
)


@app.task
def add(x, y):
    return x + y


@app.task(bind=True, max_retries=5)
def fails_twice(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    return self.request.retries


@app.task
def total(numbers):
    return sum(numbers)
