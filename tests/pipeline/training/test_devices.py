"""The devices of a training, and the sentence about them."""

import io

import pytest
import tensorflow as tf
from rich.console import Console

from interestflow.models.training_config import OptimizerConfig, TrainingConfig
from interestflow.pipeline.training import devices
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.devices import default_strategy, describe_devices
from interestflow.pipeline.training.loop import train
from interestflow.pipeline.training.progress import show_training_on
from tests.paths import PROJECT
from tests.pipeline.support import training_examples


def test_without_a_gpu_the_default_strategy_is_taken() -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    assert default_strategy() is tf.distribute.get_strategy()


def test_gpus_are_counted() -> None:
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    assert describe_devices(strategy, gpus=1) == "training on 1 GPU"
    assert describe_devices(strategy, gpus=2) == "training on 2 GPUs (MirroredStrategy)"


@pytest.mark.parametrize(
    ("has_driver", "has_cuda", "sentence"),
    [
        (False, False, "no GPU found: training on the CPU"),
        (False, True, "no GPU found: training on the CPU"),
        (
            True,
            False,
            "there is an NVIDIA driver, but TensorFlow is built without CUDA: training on the CPU; "
            "see docs/containers-and-gpus.md",
        ),
        (
            True,
            True,
            "there is an NVIDIA driver, but TensorFlow cannot load CUDA's libraries or sees no device: "
            "training on the CPU; see docs/containers-and-gpus.md",
        ),
    ],
)
def test_on_the_cpu_the_reason_is_given(has_driver: bool, has_cuda: bool, sentence: str) -> None:
    strategy = tf.distribute.get_strategy()
    assert describe_devices(strategy, has_driver=has_driver, has_cuda=has_cuda) == sentence


def test_the_driver_is_found_by_its_device_file(monkeypatch, tmp_path) -> None:
    strategy = tf.distribute.get_strategy()
    monkeypatch.setattr(devices, "NVIDIA_DEVICE", tmp_path / "nvidiactl")
    assert describe_devices(strategy) == "no GPU found: training on the CPU"
    (tmp_path / "nvidiactl").touch()
    assert describe_devices(strategy).startswith("there is an NVIDIA driver, but TensorFlow ")


def test_the_page_exists() -> None:
    assert (PROJECT / devices.PAGE).exists()


def test_a_training_says_what_it_trains_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(devices, "NVIDIA_DEVICE", tmp_path / "nvidiactl")
    training_examples.write(training_examples.make_rows(64), tmp_path / "examples")
    split = Split.read([str(tmp_path / "examples" / "part-*")], training_examples.INPUTS, 100)
    config = TrainingConfig(batch_size=32, epochs=1, optimizer=OptimizerConfig(name="sgd", learning_rate=0.5))
    shown = io.StringIO()
    with show_training_on(Console(file=shown, width=120)):
        train(config, training_examples.SmallRanker, split, split, strategy=tf.distribute.get_strategy(), name="small")
    assert shown.getvalue().splitlines()[0] == "small: no GPU found: training on the CPU"
