"""A failure is sent once, then a count; a message that was not taken is counted."""

from trellis_assets.steps.notify import NotifyStep
from trellis_assets.testing.fakes import FakeClock


class Chat:
    """Remembers messages; takes none while it is away."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.is_unreachable = False
        self.asked = 0

    def notify(self, text: str, link: str) -> bool:
        self.asked += 1
        if not self.is_unreachable:
            self.messages.append((text, link))
        return not self.is_unreachable


def test_one_subject_has_one_message_in_ten_minutes_and_then_a_count(clock: FakeClock) -> None:
    chat = Chat()
    notify = NotifyStep(chat, clock)
    assert notify.run("job failed", "no disk", "http://run/1")
    for _ in range(3):
        clock.advance(100)
        assert not notify.run("job failed", "no disk", "http://run/2")
    clock.advance(300)
    assert notify.run("job failed", "still none", "http://run/3")
    clock.advance(600)
    assert notify.run("job failed", "again", "http://run/4")
    assert chat.messages == [
        ("job failed: no disk", "http://run/1"),
        ("job failed: still none (3 more since the last message)", "http://run/3"),
        ("job failed: again", "http://run/4"),
    ]


def test_subjects_do_not_silence_each_other(clock: FakeClock) -> None:
    chat = Chat()
    notify = NotifyStep(chat, clock)
    assert notify.run("a", "x", "")
    assert notify.run("b", "x", "")
    assert not notify.run("a", "x", "")


def test_what_was_not_taken_is_counted_and_tried_again_after_a_minute(clock: FakeClock) -> None:
    chat = Chat()
    notify = NotifyStep(chat, clock)
    chat.is_unreachable = True
    assert not notify.run("a", "first", "")
    assert not notify.run("a", "second", "")
    assert chat.asked == 1, "a place that is away is not hammered"
    chat.is_unreachable = False
    clock.advance(61)
    assert notify.run("a", "third", "")
    assert chat.messages == [("a: third (2 more since the last message)", "")]


def test_a_webhook_that_fails_again_and_again_is_tried_less_and_less(clock: FakeClock) -> None:
    chat = Chat()
    notify = NotifyStep(chat, clock)
    chat.is_unreachable = True
    tries = []
    for second in range(0, 1800, 10):
        before = chat.asked
        notify.run("a", "down", "")
        if chat.asked > before:
            tries.append(second)
        clock.advance(10)
    assert tries == [0, 60, 180, 480, 1080, 1680]
