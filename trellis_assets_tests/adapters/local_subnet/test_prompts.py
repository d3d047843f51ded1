"""What local validators ask for."""

from trellis_assets.adapters.local_subnet.prompts import PICTURES, PromptSource
from trellis_assets.adapters.prompt_images import decode_prompt_image
from trellis_assets.adapters.prompt_lists import default_pictures


def test_some_tasks_are_pictures_and_some_repeat() -> None:
    source = PromptSource([f"prompt {i}" for i in range(10_000)], seed=1, pictures=["cGljdHVyZQ=="])
    tasks = [source.next_task() for _ in range(2000)]
    assert abs(sum(task["type"] == "image" for task in tasks) / 2000 - PICTURES) < 0.05
    texts = [task["prompt"] for task in tasks if task["type"] == "text"]
    assert 0.05 < 1 - len(set(texts)) / len(texts) < 0.35
    assert len({task["id"] for task in tasks}) == 2000


def test_without_pictures_every_task_is_text() -> None:
    source = PromptSource(["one"], seed=1)
    assert {source.next_task()["type"] for _ in range(50)} == {"text"}


def test_the_shipped_pictures_are_pictures() -> None:
    pictures = default_pictures()
    assert len(pictures) >= 8
    assert {decode_prompt_image(picture).shape for picture in pictures} == {(256, 256, 4)}
