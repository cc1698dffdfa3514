"""Files of items or users are read as one frame and dead letters."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.transforms.config import EntitiesConfig
from interestflow.transforms.reading.entities import read_attributes, read_entities
from interestflow.transforms.reading.files import TableError
from tests.transforms.reading.small_tables import write_file
from tests.transforms.small_config import shop


def test_entities_have_an_id_and_the_first_of_those_that_share_it_is_used(tmp_path: Path) -> None:
    write_file(tmp_path, "item_id,colour,id\n1,red,x\n,blue,y\n2,green,z\n1,black,w\n", "items-1.csv")
    write_file(tmp_path, "colour,item_id,id\nwhite,2,v\ngrey,3,u\n", "items-2.csv")
    table = read_entities(
        EntitiesConfig(path="items-*.csv", format="csv", id="item_id"), str(tmp_path), ["colour", "id", "colour"]
    )
    assert table.frame.columns == ["id", "colour", "log.id"]
    assert table.frame.rows() == [("1", "red", "x"), ("2", "green", "z"), ("3", "grey", "u")]
    assert table.dead_letters.select("file", "row", "reason").rows() == [
        (str(tmp_path / "items-1.csv"), 2, "no id in `item_id`"),
        (str(tmp_path / "items-1.csv"), 4, "id 1 is given twice; the first is used"),
        (str(tmp_path / "items-2.csv"), 1, "id 2 is given twice; the first is used"),
    ]
    assert table.rows == 6


def test_a_table_without_rows_is_an_error(tmp_path: Path) -> None:
    write_file(tmp_path, "id,colour\n", "items.csv")
    with pytest.raises(TableError, match=r"items\.csv should have rows, received none"):
        read_entities(EntitiesConfig(path="items.csv", format="csv", id="id"), str(tmp_path), ["colour"])


def test_attributes_are_those_that_the_configuration_uses(tmp_path: Path) -> None:
    write_file(tmp_path, "id,colour,price\n1,red,2\n", "items.csv")
    config = shop(
        tmp_path,
        data={"items": {"path": "items.csv", "format": "csv", "id": "id"}},
        features={"attributes": [{"name": "cost", "from": "items", "column": "price"}]},
    )
    table = read_attributes(config, "items")
    assert table is not None
    assert table.frame.rows(named=True) == [{"id": "1", "price": "2"}]
    assert read_attributes(config, "users") is None
