"""Which model files go, by age and by size."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from trellis_assets.domain.retention import RetentionPolicy, StoredModel, expired_files
from trellis_assets.testing.fakes import NOW

DAY = timedelta(days=1)
POLICY = RetentionPolicy(
    ply_for=2 * DAY, models_for=14 * DAY, best_for=90 * DAY, best_score=0.85, models_max_bytes=1000
)


def model(
    name: str, *, days: float = 0, size: int = 10, ply: int = 0, score: float = 0.5, needed: bool = False
) -> StoredModel:
    return StoredModel(name, size, ply, NOW - days * DAY, score, needed)


def gone(*models: StoredModel) -> tuple[set[str], set[str]]:
    found = expired_files(models, now=NOW, policy=POLICY)
    return set(found.plys), set(found.models)


def test_plys_go_before_their_models() -> None:
    assert gone(model("new", days=1, ply=30), model("old", days=3, ply=30)) == ({"old"}, set())


def test_a_model_goes_with_its_ply() -> None:
    assert gone(model("old", days=15, ply=30)) == ({"old"}, {"old"})


def test_the_best_are_kept_longer_but_not_for_ever() -> None:
    assert gone(model("best", days=15, score=0.9), model("worn", days=91, score=0.9)) == (set(), {"worn"})


def test_above_the_size_plys_go_first_then_what_has_the_least_time_left() -> None:
    models = [
        model("best", days=1.9, size=400, score=0.9),
        model("old", days=1.5, size=400, ply=100),
        model("new", days=1, size=400, ply=100),
    ]
    assert gone(*models) == ({"old", "new"}, {"old"})
    assert gone(*models, model("newest", size=900)) == ({"old", "new"}, {"old", "new", "best"})


def test_what_a_task_still_needs_stays_whatever_its_age_and_size() -> None:
    assert gone(model("needed", days=400, size=5000, ply=5000, needed=True)) == (set(), set())


@given(
    st.lists(
        st.builds(
            StoredModel,
            spz=st.uuids().map(str),
            size=st.integers(1, 600),
            ply_size=st.integers(0, 600),
            used_at=st.integers(0, 200).map(lambda days: NOW - days * DAY),
            score=st.floats(0, 1),
            is_needed=st.booleans(),
        ),
        max_size=30,
    )
)
def test_what_is_left_fits_or_is_needed(models: list[StoredModel]) -> None:
    plys, deleted = gone(*models)
    left = [m for m in models if m.spz not in deleted]
    size = sum(m.size + (0 if m.spz in plys else m.ply_size) for m in left)
    assert size <= POLICY.models_max_bytes or all(m.is_needed for m in left)
    assert not any(m.is_needed for m in models if m.spz in deleted | plys)
