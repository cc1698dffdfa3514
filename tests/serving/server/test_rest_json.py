"""JSON of REST bodies: what is parsed, which errors others get, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.rest_json import (
    MAX_SHOWN,
    MAX_VALUES,
    MismatchError,
    decode_base64,
    encode_text,
    parse_object,
    show,
    to_doubles,
    write_array,
    write_rows,
)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "a": 2}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": [true, null, "\\u6771\\n"]}', {"a": [True, None, "東\n"]}),
        (b'{"a": 4611686018427387905, "b": 1e39}', {"a": 4611686018427387905, "b": 1e39}),
        (b' {"a": {"b": {"b": 1, "b": 2}}} ', {"a": {"b": {"b": 1}}}),
    ],
)
def test_values(body: bytes, value: object) -> None:
    assert parse_object(body) == value


def test_numbers_that_json_does_not_have_are_numbers_and_those_beyond_doubles_are_told_apart() -> None:
    parsed = parse_object(b'{"a": [NaN, Infinity, -Infinity, 1e400, -1e400, 1e308]}')["a"]
    np.testing.assert_array_equal(to_doubles([*parsed[:3], parsed[5]]), [np.nan, np.inf, -np.inf, 1e308])
    for too_big in parsed[3:5]:
        with pytest.raises(ServingError, match=r"Number too big to be stored in double\."):
            to_doubles([1.0, too_big])


def test_bytes_that_are_not_utf_8_survive() -> None:
    assert encode_text(parse_object(b'{"a": "\xff\xfe b"}')["a"]) == b"\xff\xfe b"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"nothing", "JSON Parse error: Invalid value. at offset: 0"),
        (b'{"a": 1', "JSON Parse error: Missing a comma or a closing bracket after a value. at offset: 7"),
        (b'{"\xe9\xe9": x}', "JSON Parse error: Invalid value. at offset: 7"),
        (b'{"a" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset: 5"),
        (b"{a: 1}", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'{"a": "b', "JSON Parse error: Missing a closing quotation mark in string. at offset: 6"),
        (b'{"a": "\n"}', "JSON Parse error: Invalid encoding in string. at offset: 7"),
        (b'{"a": 1} 2', "JSON Parse error: The document root must not be followed by other values. at offset: 9"),
        (b'{"a": ' + b"9" * 5000 + b"}", "JSON Parse error: Number too big to be stored in double."),
        (b'{"a": ' * 100_000, "JSON Parse error: values are nested too deep"),
        (b"[1, 2.5]", "JSON Value: [1, 2.5] Is not object"),
        (b"3", "JSON Value: 3 Is not object"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_what_is_not_a_json_object(body: bytes, message: str) -> None:
    with pytest.raises(ServingError) as raised:
        parse_object(body)
    assert raised.value.message == message


def test_the_number_of_values_is_bounded_before_any_is_parsed() -> None:
    with pytest.raises(ServingError) as raised:
        parse_object(b"[" * (MAX_VALUES + 1))  # which is no JSON either
    assert raised.value.message == (
        f"the body should have at most {MAX_VALUES:,} commas and opening brackets, received {MAX_VALUES + 1:,}"
    )
    assert len(parse_object(b'{"a": [' + b"0," * (MAX_VALUES - 2) + b"0]}")["a"]) == MAX_VALUES - 1


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(ServingError, match=r"The surrogate pair in string is invalid\."):
        encode_text(parse_object(b'{"a": "\\ud800"}')["a"])


@pytest.mark.parametrize(
    ("text", "content"), [("AP8=", b"\x00\xff"), ("AP8", b"\x00\xff"), (" A P 8 =", b"\x00\xff"), ("", b"")]
)
def test_base64(text: str, content: bytes) -> None:
    assert decode_base64({"b64": text}) == content


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"b64": "!!!"}, "Unable to base64 decode"),
        ({"b64": "é"}, "Unable to base64 decode"),
        ({"b64": "A"}, "Unable to base64 decode"),
        ({"b64": 1}, 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
        (
            {"b64": "AP8=", "x": 1},
            'JSON Value: {\n    "b64": "AP8=",\n    "x": 1\n} not formatted correctly for base64 data',
        ),
    ],
)
def test_what_is_no_base64(value: object, message: str) -> None:
    with pytest.raises(MismatchError) as raised:
        decode_base64(value)
    assert str(raised.value) == message


def test_values_are_shown_as_tensorflow_serving_shows_them() -> None:
    shown = show({"inputs": {"x": [1], "name": ["a"]}, "instances": [{"x": 1.5, "y": None}], "empty": [{}, []]})
    assert shown == (
        '{\n    "inputs": {\n        "x": [1],\n        "name": ["a"]\n    },\n    "instances": [{\n'
        '            "x": 1.5,\n            "y": null\n        }],\n    "empty": [{}, []]\n}'
    )


def test_a_message_does_not_repeat_a_large_value() -> None:
    assert show(list(range(1_000_000))).startswith("[0, 1, 2")
    assert len(show(list(range(1_000_000)))) == len(show("x" * 10_000_000)) == MAX_SHOWN + len("...")


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32([0.1, 3, 1e-20, 3e38, 0.696945]), "[0.1, 3.0, 1e-20, 3e+38, 0.696945]"),
        (np.float64([0.1, 1 / 3]), "[0.1, 0.3333333333333333]"),
        (np.float32([np.nan, np.inf, -np.inf]), "[NaN, Infinity, -Infinity]"),
        (np.int64([2**62, -1]), "[4611686018427387904, -1]"),
        (np.uint8([[1], [255]]), "[[1], [255]]"),
        (np.array([True, False]), "[true, false]"),
        (np.float32(2.5), "2.5"),
        (np.zeros((2, 0), np.float32), "[[], []]"),
        (np.zeros((0, 2), np.float32), "[]"),
        (np.arange(6).reshape(1, 3, 2), "[[[0, 1], [2, 3], [4, 5]]]"),
        (np.array(["é東".encode(), b'"\\\n\x01'], object), '["é東", "\\"\\\\\\n\\u0001"]'),
    ],
    ids=str,
)
def test_arrays_are_written(array: np.ndarray, text: str) -> None:
    assert write_array(np.asarray(array), is_bytes=False).decode() == text


def test_bytes_are_written_as_base64_or_as_they_are() -> None:
    array = np.array([b"\x00\xff"], object)
    assert write_array(array, is_bytes=True) == b'[{"b64": "AP8="}]'
    assert write_array(array, is_bytes=False) == b'["\\u0000\xff"]'


def test_numbers_are_read_back_as_they_were() -> None:
    random = np.random.default_rng(3)
    for dtype in (np.float32, np.float64):
        array = random.standard_normal(1000).astype(dtype) * 10.0 ** random.integers(-30, 30, 1000)
        array = array.astype(dtype)
        assert (np.array(json.loads(write_array(array, is_bytes=False)), dtype) == array).all()


def test_a_type_without_json_is_refused() -> None:
    with pytest.raises(ServingError) as raised:
        write_rows(np.zeros(1, np.complex64), is_bytes=False)
    assert raised.value.message == "Failed to write JSON value for tensor type: complex64"
