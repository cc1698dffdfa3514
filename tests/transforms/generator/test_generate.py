"""Generated logs: tables, probabilities and effects, each measured on a log that isolates it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

from interestflow.transforms.generator.best_possible import best_possible
from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import GeneratedLog, generate_log
from tests.transforms.generator.small_generated_log import SMALL

DAY = 86_400_000


def logit(probability: pl.Expr) -> pl.Expr:
    """Return the logit of a probability."""
    return (probability / (1.0 - probability)).log()


def with_warmth(log: GeneratedLog, half_life_hours: float) -> pl.DataFrame:
    """Return each event with its item's category and the category's warmth, summed event by event."""
    events = log.events.join(log.items, on="item", maintain_order="left")
    clicks: dict[tuple[str, str], list[int]] = {}
    warmth = []
    for user, category, time, click in events.select("user", "category", "timestamp", "click").iter_rows():
        earlier = clicks.setdefault((user, category), [])
        warmth.append(sum(0.5 ** ((time - at) / 3_600_000 / half_life_hours) for at in earlier))
        if click:
            earlier.append(time)
    return events.with_columns(warmth=pl.Series(warmth, dtype=pl.Float64))


def test_the_tables_have_their_columns_and_sizes(log: GeneratedLog) -> None:
    assert log.events.schema == {
        "user": pl.String, "item": pl.String, "timestamp": pl.Int64, "click": pl.Int64,
        "true_probability": pl.Float64, "device": pl.String, "hour": pl.Int64,
    }  # fmt: skip
    assert log.items.schema == {"item": pl.String, "category": pl.String}
    assert log.users.schema == {"user": pl.String, "age_group": pl.String, "country": pl.String}
    assert (log.events.height, log.items.height, log.users.height) == (40_000, 600, 400)
    assert log.items["item"].is_unique().all()
    assert log.users["user"].is_unique().all()
    assert log.items["category"].n_unique() == 30
    assert set(log.events["item"]) <= set(log.items["item"])
    assert set(log.events["user"]) <= set(log.users["user"])
    assert log.events.null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize(
    "config",
    [
        LogGeneratorConfig(events=100, users=2, items=10, categories=2, days=2),
        LogGeneratorConfig(events=5_000, users=2, items=10, categories=10, days=2, interests_per_user=1),
        LogGeneratorConfig(events=100, users=1_000, items=50, categories=5, days=40),
        LogGeneratorConfig(events=777, users=10, items=40, categories=20, interest_exposure=1.0),
    ],
    ids=["smallest", "few users", "most users without events", "only interests"],
)
def test_any_size(config: LogGeneratorConfig) -> None:
    log = generate_log(config)
    assert (log.events.height, log.items.height, log.users.height) == (config.events, config.items, config.users)
    assert log.events["true_probability"].is_between(0.0, 1.0, closed="none").all()


def test_equal_seeds_give_equal_logs_and_others_do_not(log: GeneratedLog) -> None:
    again, other = generate_log(SMALL), generate_log(SMALL.model_copy(update={"seed": 18}))
    for name in ("events", "items", "users"):
        assert_frame_equal(getattr(log, name), getattr(again, name))
    assert not log.events.equals(other.events)


def test_clicks_come_as_often_as_their_probabilities_say(log: GeneratedLog) -> None:
    p = log.events["true_probability"].to_numpy()
    # Clicks are independent given their probabilities: four standard deviations of the mean of 40,000 draws.
    bound = 4.0 * np.sqrt((p * (1.0 - p)).sum()) / len(p)
    assert bound < 0.01
    assert abs(log.events["click"].mean() - p.mean()) < bound


def test_clicks_are_calibrated_in_every_bucket(log: GeneratedLog) -> None:
    p, click = log.events["true_probability"].to_numpy(), log.events["click"].to_numpy()
    bucket = np.digitize(p, np.quantile(p, np.linspace(0.1, 0.9, 9)))
    for index in range(10):
        inside = bucket == index
        bound = 4.0 * np.sqrt((p[inside] * (1.0 - p[inside])).sum()) / inside.sum()
        assert abs(click[inside].mean() - p[inside].mean()) < bound


def test_the_best_possible_is_what_the_truth_reaches(log: GeneratedLog) -> None:
    p, click = log.events["true_probability"].to_numpy(), log.events["click"].to_numpy()
    best = best_possible(p)
    # With 40,000 events the standard error of the AUC is below 0.002.
    assert roc_auc_score(click, p) == pytest.approx(best.auc, abs=0.008)
    assert -np.log(np.where(click, p, 1.0 - p)).mean() == pytest.approx(best.log_loss, abs=0.01)


def test_the_probability_is_the_stated_function_of_recent_clicks_fit_and_context() -> None:
    """With everything else switched off, the logit is what its terms add up to."""
    config = SMALL.model_copy(update={"interest_effect": 0.0, "context_effect": 0.0, "events": 8_000, "users": 40})
    events = with_warmth(generate_log(config), config.recency_half_life_hours)
    remaining = events.with_columns(
        rest=logit(pl.col("true_probability"))
        - config.base_logit
        - config.recency_effect * (1.0 - (-pl.col("warmth")).exp())
    )
    # The remainder depends on user and item alone: it is equal in all events of the two.
    spread = remaining.group_by("user", "item").agg(spread=pl.max("rest") - pl.min("rest"), count=pl.len())
    assert spread.filter(pl.col("count") > 1).height > 500
    assert spread["spread"].max() < 1e-9


def test_a_click_just_now_raises_the_probability_and_time_lowers_it_again() -> None:
    """The same user and item, shown again: with the category clicked since, and without."""
    config = SMALL.model_copy(update={"interest_effect": 0.0, "context_effect": 0.0, "base_logit": -1.0})
    events = with_warmth(generate_log(config), config.recency_half_life_hours)
    again = events.with_columns(
        change=logit(pl.col("true_probability")).diff().over("user", "item", order_by="timestamp"),
        warmth_before=pl.col("warmth").shift().over("user", "item", order_by="timestamp"),
    ).drop_nulls()
    # From there on the effect has all but reached its limit, and rounding could hide a change.
    again = again.filter(pl.max_horizontal("warmth", "warmth_before") < 10.0)
    warmer = again.filter(pl.col("warmth") > pl.col("warmth_before"))
    cooler = again.filter(pl.col("warmth") < pl.col("warmth_before"))
    assert min(warmer.height, cooler.height) > 500
    assert (warmer["change"] > 0.0).all()
    assert (cooler["change"] < 0.0).all()


def interest_effects(**update: float) -> pl.DataFrame:
    """Return each event with its category and `added`, the part of its logit that the user's interests add."""
    config = SMALL.model_copy(update={"recency_effect": 0.0, "context_effect": 0.0, **update})
    fitted, plain = generate_log(config), generate_log(config.model_copy(update={"interest_effect": 0.0}))
    keys = ["user", "item", "timestamp", "device"]
    assert_frame_equal(fitted.events.select(keys), plain.events.select(keys))
    without = plain.events.select(logit(pl.col("true_probability"))).to_series()
    added = logit(pl.col("true_probability")) - without
    return fitted.events.with_columns(added=added, fits=added > 1e-9).join(fitted.items, on="item")


def test_an_interest_raises_the_logit_by_its_intensity() -> None:
    events = interest_effects(interest_lifetime_days=1e9)
    fits = events.filter(pl.col("fits"))
    # Intensities lie between 0.6 and 1 of the effect; half of all impressions, and some by chance, meet an interest.
    assert fits["added"].min() >= 0.6 * SMALL.interest_effect - 1e-9
    assert fits["added"].max() <= SMALL.interest_effect + 1e-9
    assert 0.5 <= fits.height / events.height < 0.75
    # Interests last here: no user has more of them than configured, and a category fits always or never.
    assert fits.group_by("user").agg(pl.n_unique("category"))["category"].max() == SMALL.interests_per_user
    assert events.group_by("user", "category").agg(pl.n_unique("fits"))["fits"].max() == 1


def test_interests_drift_from_one_day_to_another() -> None:
    events = interest_effects(interest_lifetime_days=5.0).with_columns(day=pl.col("timestamp") // DAY)
    fits = events.filter(pl.col("fits"))
    assert fits.group_by("user", "day").agg(pl.n_unique("category"))["category"].max() == SMALL.interests_per_user
    assert events.group_by("user", "category", "day").agg(pl.n_unique("fits"))["fits"].max() == 1
    # Over 20 days each interest is swapped some four times, now and then for one that was there before.
    over_time = fits.group_by("user").agg(pl.n_unique("category"))["category"]
    assert over_time.median() > 2 * SMALL.interests_per_user


def test_context_adds_the_effects_of_device_and_hour() -> None:
    plain = generate_log(SMALL.model_copy(update={"context_effect": 0.0, "recency_effect": 0.0}))
    log = generate_log(SMALL.model_copy(update={"recency_effect": 0.0}))
    added = log.events.with_columns(
        added=logit(pl.col("true_probability")) - plain.events.select(logit(pl.col("true_probability"))).to_series()
    )
    device = {"phone": 0.0, "desktop": 0.5, "tablet": 0.25, "television": -0.5}
    for name, effect in device.items():
        for evening in (False, True):
            rows = added.filter((pl.col("device") == name) & (pl.col("hour").is_in([18, 19, 20, 21, 22]) == evening))
            expected = SMALL.context_effect * (effect + 0.5 * evening)
            assert rows.height > 100
            assert rows["added"].to_numpy() == pytest.approx(np.full(rows.height, expected), abs=1e-9)


def test_the_history_predicts_far_better_than_popularity_or_the_user() -> None:
    """Needs attention: the target's category looked up in the history against what the item or the user says alone."""
    log = generate_log(LogGeneratorConfig(events=60_000, users=600))
    config = LogGeneratorConfig()
    events = with_warmth(log, config.recency_half_life_hours).with_row_index()
    train, test = events.head(48_000), events.tail(6_000)
    click = test["click"]

    def rate_of(column: str) -> np.ndarray:
        rates = train.group_by(column).agg(rate=(pl.sum("click") + 5) / (pl.len() + 20))
        return test.join(rates, on=column, how="left", maintain_order="left")["rate"].fill_null(0.25).to_numpy()

    best = roc_auc_score(click, test["true_probability"])
    looked_up = roc_auc_score(click, test["warmth"])
    assert 0.84 < best < 0.92
    assert looked_up > best - 0.07
    for column in ("item", "user", "category", "device"):
        assert roc_auc_score(click, rate_of(column)) < 0.65


@pytest.mark.parametrize(
    ("effects", "shown"),
    [
        ({"order_effect": 2.5, "order_steps": 3}, {"interest_exposure": 1.0}),
        ({"drift_effect": 2.5}, {"drift_share": 0.5}),
    ],
    ids=["order", "drift"],
)
def test_the_last_impressions_add_their_effect_and_nothing_else(
    effects: dict[str, float], shown: dict[str, float]
) -> None:
    """Where all other effects are off, the same user and item have one of two logits, `2.5` apart."""
    off = {
        "interest_effect": 0.0,
        "context_effect": 0.0,
        "recency_effect": 0.0,
        "events": 20_000,
        "users": 40,
        "items": 60,
    }
    log = generate_log(SMALL.model_copy(update=off | effects | shown))
    values = log.events.select("user", "item", logit=logit(pl.col("true_probability")))
    remaining = values.with_columns(added=pl.col("logit") - pl.col("logit").min().over("user", "item"))
    both = remaining.filter(pl.col("added").max().over("user", "item") > 1.0)
    added = both["added"].to_numpy()
    assert len(added) > 5_000
    assert np.all((np.abs(added) < 1e-9) | (np.abs(added - 2.5) < 1e-9))
    category = dict(log.items.iter_rows())
    by_user: dict[str, list[tuple[str, float]]] = {}
    for user, item, value in remaining.select("user", "item", "added").iter_rows():
        by_user.setdefault(user, []).append((category[item], value))
    following: dict[str, set[str]] = {}
    for impressions in by_user.values():
        for position, (current, value) in enumerate(impressions):
            if value < 1.0:
                continue
            if "order_effect" in effects:
                assert current in [name for name, _ in impressions[max(0, position - 3) : position]]
            else:
                following.setdefault(impressions[position - 1][0], set()).add(current)
    assert all(len(after) == 1 for after in following.values()), "one category follows another"


def test_the_order_effect_does_not_change_the_impressions(log: GeneratedLog) -> None:
    again = generate_log(SMALL.model_copy(update={"order_effect": 1.0}))
    assert_frame_equal(again.events.select("user", "item", "timestamp"), log.events.select("user", "item", "timestamp"))


def test_of_each_event_one_label_is_observed_and_depends_on_its_kinds_interests() -> None:
    """Where all other effects are off, a user's category has one of two logits a label, `task_effect` apart."""
    off = {
        "interest_effect": 0.0,
        "context_effect": 0.0,
        "recency_effect": 0.0,
        "interest_lifetime_days": 1e9,
        "users": 100,
    }
    shown = {"interests_per_user": 2, "interest_exposure": 1.0}
    log = generate_log(SMALL.model_copy(update=off | shown | {"task_effect": 2.5}))
    assert log.events.select("like", "kind", "asked").schema == {
        "like": pl.Int64, "kind": pl.String, "asked": pl.String,
    }  # fmt: skip
    unobserved = {"click": "like", "like": "click"}
    for label, other_label in unobserved.items():
        assert log.events.filter(asked=other_label)[label].sum() == 0
        assert log.events.filter(asked=label)[label].mean() > 0.1
    events = log.events.join(log.items, on="item").with_columns(logit=logit(pl.col("true_probability")))
    with_effect = events.with_columns(added=pl.col("logit") - pl.col("logit").min().over("user", "item"))
    both = with_effect.filter(pl.col("added").max().over("user", "item") > 1.0)
    # One of a user's two categories is shown in the feed, the other in search, and both have been asked for both ways.
    kinds = both.group_by("user", "category").agg(pl.n_unique("kind"), pl.first("kind").alias("its"))
    separate = both.join(kinds.filter(pl.col("kind") == 1).drop("kind"), on=["user", "category"])
    wanted = (separate["asked"] == "click") == (separate["its"] == "feed")
    assert separate.height > 2_000
    assert separate["added"].to_numpy() == pytest.approx(np.where(wanted.to_numpy(), 2.5, 0.0), abs=1e-9)
