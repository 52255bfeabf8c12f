"""The YAML that we write for people is YAML, and holds exactly what went in."""

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from wellread.storage.yaml_log import YamlLog

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["a\nb", "a\n\n  b\n c", " lead\nx", "x\n", "\n", "# no\n- comment", "a: b\nc", "\ufeffa\nb"]
)
records = st.dictionaries(st.text("abc", min_size=1), texts | st.integers(0, 9) | st.booleans())


def read_back(path):
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


@given(st.lists(records.filter(bool), max_size=4))
def test_what_is_logged_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("log") / "a.yaml"
    with YamlLog(path) as log:
        for row in rows:
            log.write(row)
    assert (read_back(path) or []) == rows


def test_several_lines_are_a_block_that_people_can_read(tmp_path):
    with YamlLog(tmp_path / "a.yaml") as log:
        log.write({"id": "x", "full_input": "one\n  two\n\nthree"})
    assert (tmp_path / "a.yaml").read_text() == (
        '- "id": "x"\n  "full_input": |-\n    one\n      two\n\n    three\n'
    )
