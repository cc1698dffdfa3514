"""Which action is next for the versions of a model."""

from __future__ import annotations

from interestflow.serving.server.model_state import MAX_ENDED, Action, Model, State, Version
from interestflow.serving.server.versions import Policy


def model(**states: int) -> Model:
    """Return a model whose versions are in the states given as `v3=State.END`."""
    versions = {int(name[1:]): Version(int(name[1:]), f"/m/{name[1:]}", state) for name, state in states.items()}
    return Model("m", folders={index: f"/m/{index}" for index in range(20)}, versions=versions)


def test_the_newest_of_those_asked_for_is_loaded_first() -> None:
    shop = model()
    shop.aspire([1, 2, 5])
    assert shop.next_action() == Action("load", 5)
    shop.versions[5].state = State.AVAILABLE
    assert shop.next_action() == Action("load", 2)
    shop.versions[2].state = shop.versions[1].state = State.AVAILABLE
    assert shop.next_action() is None


def test_a_version_leaves_once_another_that_is_asked_for_answers() -> None:
    shop = model(v1=State.AVAILABLE)
    shop.aspire([2])
    assert shop.next_action() == Action("load", 2)
    shop.versions[2].state = State.LOADING
    assert shop.next_action() is None
    shop.versions[2].state = State.AVAILABLE
    assert shop.next_action() == Action("unload", 1)


def test_the_last_version_stays_while_the_one_that_is_asked_for_has_failed() -> None:
    shop = model(v1=State.AVAILABLE, v3=State.AVAILABLE)
    shop.aspire([7])
    shop.versions[7].state, shop.versions[7].failed_as = State.END, ()
    assert shop.next_action() == Action("unload", 1)
    shop.versions[1].state = State.END
    assert shop.next_action() is None


def test_where_no_version_is_asked_for_all_leave() -> None:
    shop = model(v1=State.AVAILABLE, v2=State.AVAILABLE)
    shop.aspire([])
    assert shop.next_action() == Action("unload", 1)
    shop.versions[1].state = State.UNLOADING
    assert shop.next_action() == Action("unload", 2)


def test_a_version_that_has_ended_starts_again_when_it_is_asked_for_again() -> None:
    shop = model(v1=State.END)
    shop.aspire([1])
    assert shop.versions[1].state == State.START
    shop.aspire([])
    assert 1 not in shop.versions


def test_a_version_that_has_failed_does_not_start_again_while_it_is_asked_for() -> None:
    shop = model()
    shop.aspire([1])
    shop.versions[1].state, shop.versions[1].failed_as = State.END, (("/m/1/saved_model.pb", 1, 1),)
    shop.aspire([1])
    assert shop.versions[1].state == State.END
    shop.aspire([])
    shop.aspire([1])
    assert shop.versions[1].state == State.START


def test_a_version_that_still_leaves_does_not_start_before_it_has_left() -> None:
    shop = model(v1=State.UNLOADING)
    shop.aspire([1])
    assert shop.next_action() is None
    shop.versions[1].state = State.END
    shop.aspire([1])
    assert shop.next_action() == Action("load", 1)


def test_older_versions_stand_in_where_the_newest_has_failed_and_none_answers() -> None:
    shop = model()
    shop.folders = {index: f"/m/{index}" for index in (1, 2, 3)}
    shop.aspire([3])
    assert shop.fallbacks() == []
    shop.versions[3].state, shop.versions[3].failed_as = State.END, ()
    assert shop.fallbacks() == [2, 1]
    shop.policy = Policy(specific=Policy.Specific(versions=[3]))
    assert shop.fallbacks() == []  # a request for one version wants no other
    shop.policy, shop.configured = Policy(), False
    assert shop.fallbacks() == []
    shop.configured, shop.versions[1] = True, Version(1, "/m/1", State.AVAILABLE)
    assert shop.fallbacks() == []


def test_the_status_of_a_few_versions_that_have_ended_is_kept() -> None:
    shop = model(**{f"v{index}": State.END for index in range(MAX_ENDED + 3)})
    shop.versions[99] = Version(99, "/m/99", State.AVAILABLE)
    shop.forget_ended()
    assert sorted(shop.versions) == [*range(3, MAX_ENDED + 3), 99]
