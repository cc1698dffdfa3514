"""The reading of requirements files with hashes."""

import hashlib

import pytest
from packaging.markers import Marker

from tests.paths import PROJECT
from tools.hashed_requirements import Pin, RequirementsError, file_hash, find_pin, read_pins

ONE, TWO = "1" * 64, "2" * 64
TEXT = f"""# compiled
Numpy==2.0.1 ; python_full_version < '3.12' and sys_platform == 'linux' \\
    --hash=sha256:{ONE} \\
    --hash=sha256:{TWO}

numpy==2.1 ; python_full_version >= '3.12' --hash=sha256:{TWO}
moto[server]==5.1.0 --hash=sha256:{ONE}
"""
EARLY = "python_full_version < '3.12' and sys_platform == 'linux'"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(TEXT)
    return path


def test_every_pin_is_read_with_its_marker_and_hashes(path):
    assert read_pins(path) == (
        Pin("numpy", "2.0.1", EARLY, (ONE, TWO)),
        Pin("numpy", "2.1", "python_full_version >= '3.12'", (TWO,)),
        Pin("moto", "5.1.0", "", (ONE,)),
    )


def test_a_pin_is_written_as_it_was_read(path):
    pin = read_pins(path)[0].with_hashes(TWO)
    assert str(pin) == f"numpy==2.0.1 ; {EARLY} \\\n    --hash=sha256:{TWO}"
    path.write_text(f"{pin}\n")
    assert read_pins(path) == (pin,)


@pytest.mark.parametrize(
    "line", ["numpy==2.0", f"numpy>=2.0 --hash=sha256:{ONE}", f"numpy==2.0 --hash=md5:{ONE}", "--index-url=http://x"]
)
def test_a_line_that_is_no_pin_with_hashes_is_refused(path, line):
    path.write_text(f"{line}\n")
    with pytest.raises(
        RequirementsError, match=r"requirements\.txt should pin each package as NAME==VERSION with hashes"
    ):
        read_pins(path)


def test_a_package_is_found_if_it_is_pinned_once(path):
    pins = read_pins(path)
    assert find_pin(pins, "moto", path).version == "5.1.0"
    with pytest.raises(RequirementsError, match=r"requirements\.txt should pin numpy once, pins it 2 times"):
        find_pin(pins, "numpy", path)
    with pytest.raises(RequirementsError, match="should pin keras once, pins it 0 times"):
        find_pin(pins, "keras", path)


def test_the_hash_of_a_file_is_its_sha256(path):
    assert file_hash(path) == hashlib.sha256(TEXT.encode()).hexdigest()


IMAGE_ENVIRONMENT = {"python_version": "3.13", "python_full_version": "3.13.5", "sys_platform": "linux"}
"""Environment of the image: Debian 13."""


def image_pins(variant: str) -> dict[str, str]:
    """Return the versions that the image pins, by package."""
    return {pin.name: pin.version for pin in read_pins(PROJECT / f"tools/requirements/image-{variant}.txt")}


def project_pins() -> dict[str, str]:
    """Return the versions that requirements.txt pins for the image's environment, by package."""
    pins = read_pins(PROJECT / "requirements.txt")
    return {pin.name: pin.version for pin in pins if not pin.marker or Marker(pin.marker).evaluate(IMAGE_ENVIRONMENT)}


def test_the_images_have_the_versions_of_the_project():
    expected, cpu, gpu = project_pins(), image_pins("cpu"), image_pins("gpu")
    assert cpu.pop("tensorflow-cpu") == gpu["tensorflow"] == expected["tensorflow"]
    cuda = {name for name in gpu if name.startswith("nvidia-")}
    assert len(cuda) == 12
    assert {name: gpu[name] for name in gpu.keys() - cuda} == cpu | {"tensorflow": expected["tensorflow"]}
    assert cpu == {name: expected[name] for name in cpu}


def test_the_images_have_no_tools_for_development():
    assert not {"pytest", "moto", "mypy", "ruff", "mkdocs", "tensorflow"} & image_pins("cpu").keys()
    assert {"tfx", "kfp", "kfp-kubernetes", "boto3", "google-cloud-storage"} <= image_pins("cpu").keys()


def test_every_requirement_of_the_project_has_hashes():
    assert {"tensorflow", "tfx", "kfp", "pytest"} <= {pin.name for pin in read_pins(PROJECT / "requirements.txt")}
