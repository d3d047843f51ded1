"""A Celery worker's place on the broker."""

import socket
import subprocess
import sys

from trellis_assets.supervisor.celery_worker import node_name


def test_two_workers_of_one_machine_have_two_names() -> None:
    code = "from trellis_assets.supervisor.celery_worker import node_name; print(node_name(None))"
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert other.stdout.strip() != node_name(None)
    assert other.stdout.strip().endswith(f"@{socket.gethostname()}")


def test_a_worker_keeps_the_name_that_was_chosen() -> None:
    assert node_name("left") == f"left@{socket.gethostname()}"
