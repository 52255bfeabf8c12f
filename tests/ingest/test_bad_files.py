"""Files that break readers: the parent lives, the other files are read, the reason is told."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peak_memory import run_with_peak
from wellread.errors import DocumentError
from wellread.ingest.chunk import split
from wellread.ingest.clean import clean
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.ingest.worker import Worker
from wellread.records import Document, Rejection

SETTINGS = IngestSettings(ocr="off")
TEXT = "The pump moves water from the tank to the boiler at a rate of ten litres a minute."


def reasons(folder: Path, options: IngestSettings = SETTINGS) -> dict[str, str]:
    """Reason by id of all that is rejected; what comes after it must still be read."""
    (folder / "zz.docx").write_bytes((folder / "zz.good").read_bytes())
    (folder / "zz.good").unlink()
    found = list(read_folder(folder, options))
    assert found[-1].id == "zz.docx"
    assert isinstance(found[-1], Document)
    return {one.id: one.reason for one in found if isinstance(one, Rejection)}


@pytest.fixture(scope="module")
def bomb(make) -> bytes:
    """A PDF whose page unpacks to 500 MB of spaces."""
    content = make.stream(b" " * (500 << 20), packed=True)
    return make.assembled([
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        content,
    ])  # fmt: skip


def test_pdfs_that_are_locked_cut_off_or_no_pdf_are_told_apart(make, write):
    whole = make.pdf([TEXT] * 10)
    folder = write({
        "locked.pdf": make.encrypted_pdf(), "half.pdf": whole[: len(whole) // 2],
        "empty.pdf": b"", "random.pdf": random.Random(1).randbytes(5_000),
        "page.pdf": b"<!doctype html><p>hello</p>", "zz.good": make.docx(TEXT),
    })  # fmt: skip
    assert reasons(folder) == {
        "locked.pdf": "encrypted", "half.pdf": "damaged", "empty.pdf": "empty_file",
        "random.pdf": "wrong_format", "page.pdf": "wrong_format",
    }  # fmt: skip


def test_a_cyclic_page_tree_ends_with_a_reason(make, write):
    cyclic = make.pdf(["x"], kids="2 0 R 2 0 R")
    found = reasons(write({"a.pdf": cyclic, "zz.good": make.docx(TEXT)}))
    assert found["a.pdf"] in ("no_text", "damaged")


def test_a_page_that_is_a_picture_is_reported_and_the_others_are_read(make, write):
    folder = write({"a.pdf": make.scanned_pdf([TEXT]), "b.pdf": make.scanned_pdf()})
    found = list(read_folder(folder, SETTINGS))
    assert [(one.id, getattr(one, "reason", "read")) for one in found] == [
        ("a.pdf:1", "page_without_text"), ("a.pdf", "read"),
        ("b.pdf:1", "page_without_text"), ("b.pdf", "no_text"),
    ]  # fmt: skip
    assert found[1].pages[0].page == 2


def test_a_page_that_is_a_picture_is_read_by_tesseract_where_it_is_installed(
    make, write, tmp_path, monkeypatch
):
    program = tmp_path / "tesseract"
    program.write_text(
        "#!/bin/sh\nhead -c 2 > /dev/null\necho Read by the program, $OMP_THREAD_LIMIT thread.\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = write({"a.pdf": make.scanned_pdf([TEXT])})
    (document,) = read_folder(folder, IngestSettings(ocr="auto"))
    assert document.text.startswith("Read by the program, 1 thread.")
    assert [page.page for page in document.pages] == [1, 2]


def test_a_pdf_bomb_ends_at_the_memory_limit(make, write, bomb):
    folder = write({"a.pdf": bomb, "zz.good": make.docx(TEXT)})
    assert reasons(folder, IngestSettings(max_memory_mb=512))["a.pdf"] == "out_of_memory"


def test_a_file_that_takes_too_long_ends_at_the_time_limit(write, bomb):
    folder = write({"a.pdf": bomb})
    (rejection,) = read_folder(folder, IngestSettings(max_seconds_per_file=0.05))
    assert rejection.reason == "timeout"


def test_a_program_that_hangs_is_killed_with_the_child(make, write, tmp_path, monkeypatch):
    program = tmp_path / "tesseract"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = write({"a.pdf": make.scanned_pdf([TEXT])})
    (rejection,) = read_folder(folder, IngestSettings(max_seconds_per_file=1.5))
    assert rejection.reason == "timeout"
    pid = int((tmp_path / "pid").read_text("utf-8"))
    # A killed process takes a moment to die on a busy machine.
    assert any(is_dead(pid) or time.sleep(0.05) for _ in range(100))


def is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_archives_that_unpack_to_too_much_are_given_up_unread(make, write):
    folder = write({
        "ratio.docx": make.zipped({"word/document.xml": b" " * (1_900_000)}),
        "total.epub": make.zipped(
            {f"{n}": random.Random(n).randbytes(1 << 20) for n in range(3)}
            | {"META-INF/container.xml": "<x/>"}
        ),
        "many.pptx": make.zipped({f"{n}": b"" for n in range(10_001)}),
        "zz.good": make.docx(TEXT),
    })  # fmt: skip
    found = reasons(folder, IngestSettings(max_file_mb=2))
    assert found == {"ratio.docx": "too_large", "total.epub": "too_large", "many.pptx": "too_large"}


def test_office_files_that_are_locked_damaged_or_another_archive_are_told_apart(make, write):
    whole = make.docx(TEXT)
    folder = write({
        "locked.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "half.docx": whole[: len(whole) // 2], "other.docx": make.zipped({"a.txt": "x"}),
        "void.docx": make.docx(), "zz.good": whole,
    })  # fmt: skip
    assert reasons(folder) == {
        "locked.docx": "encrypted", "half.docx": "damaged", "other.docx": "wrong_format",
        "void.docx": "no_text",
    }  # fmt: skip


def test_xml_that_declares_entities_is_refused_and_leaks_no_file(make, write):
    laughs = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    folder = write({
        "laughs.docx": make.docx("x&a9;", head=f"<!DOCTYPE l [<!ENTITY a0 'lol'>{laughs}]>"),
        "outside.docx": make.docx("&x;", head="<!DOCTYPE l [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"),
        "zz.good": make.docx(TEXT),
    })  # fmt: skip
    assert reasons(folder) == {"laughs.docx": "damaged", "outside.docx": "damaged"}


def test_a_child_killed_while_it_parses_costs_one_file_and_killed_between_files_none(
    make, write, bomb
):
    folder = write({"a.docx": make.docx(TEXT), "slow.pdf": bomb})
    with Worker(SETTINGS) as worker:
        assert TEXT in worker.read(folder / "a.docx")["text"]
        child = worker._process
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert TEXT in worker.read(folder / "a.docx")["text"]
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -KILL {worker._process.pid}"])
        with pytest.raises(DocumentError) as caught:
            worker.read(folder / "slow.pdf")
        killer.wait()
        assert caught.value.reason == "out_of_memory"
        assert TEXT in worker.read(folder / "a.docx")["text"]


def test_the_child_gets_no_secrets_and_leaves_with_the_parent(make, write, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-canary")
    folder = write({"a.docx": make.docx(TEXT)})
    with Worker(SETTINGS) as worker:
        worker.read(folder / "a.docx")
        process = worker._process
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"canary" not in environment
    assert process.poll() is not None


def test_a_line_of_json_above_the_limit_is_given_up_and_the_next_is_read(write):
    big = b'{"text": "' + b"x" * (65 << 20) + b'"}\n'
    folder = write({"a.jsonl": big + orjson.dumps({"text": "Small."})})
    del big
    found = list(read_folder(folder, SETTINGS))
    assert [(one.id, getattr(one, "reason", "")) for one in found] == [
        ("a.jsonl:1", "too_large"), ("a.jsonl#2", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", [b'{"text": NaN}', b"[" * 2_000, b'{"text": "\\ud800"}', b"\x00\xff\xfe"]
)
def test_hostile_json_is_a_bad_line(write, line):
    (rejection,) = read_folder(write({"a.jsonl": line}), SETTINGS)
    assert (rejection.id, rejection.reason) == ("a.jsonl:1", "bad_line")


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_named_txt_become_text_that_can_be_written_or_a_rejection(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.txt").write_bytes(data)
    (record,) = read_folder(folder, SETTINGS)
    if isinstance(record, Document):
        orjson.dumps(record)
        list(split(record, SETTINGS))


NASTY = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from("\x00\ud800\udfff\u202e\u2028\u200f\ufeff\x1b\x85أبج你\u0301🏳\u200d🌈"),
    ),
    max_size=300,
)


@given(NASTY)
@settings(max_examples=300, deadline=None)
def test_any_text_is_cleaned_and_cut_without_an_error(text):
    cleaned = clean(text)
    records = list(
        split(Document("d", cleaned.text), IngestSettings(chunk_size=16, min_chunk_tokens=4))
    )
    for record in records:
        orjson.dumps(record)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "!",
            ".",
            "。",
            " ",
            "\n",
            "\x03",
            "(",
            "#",
            "|",
            "`",
            "\f",
            "-",
            "\u00ad",
            "水",
            "e\u0301",
        ),
        *(
            ". ",
            "! ",
            "a-\n",
            "a- b ",
            "```\n",
            "~~~ ",
            "# \n",
            "| ",
            "• ",
            " • ",
            "1-1. ",
            "1-1. A ",
        ),
        *("WKH\x03", "A\x07", "a.b.", "Dr. ", " \n", "\n ", "x.... ", ".... 1 ", "FM 1 ", "\x02"),
    ],
    ids=ascii,
)
def test_endless_repetition_costs_no_more_than_other_text(unit):
    text = unit * (60_000 // len(unit)) + "x \n"
    for one in (text, text + "This page intentionally left blank. " + text):
        cleaned = clean(one).text
        assert sum(1 for _ in split(Document("d", cleaned), SETTINGS)) >= 1


ONE_LINE = """
import sys
from pathlib import Path
from wellread.ingest.chunk import split
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
options = IngestSettings()
(document,) = read_folder(Path(sys.argv[1]), options)
count = characters = 0
for chunk in split(document, options):
    count += 1
    characters += len(chunk.text)
print(len(document.text), count, characters)
"""


@pytest.mark.slow
def test_one_line_of_fifty_megabytes_is_cut_in_bounded_memory(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"One sentence follows another here. " * 1_500_000)
    printed, peak_kb = run_with_peak(ONE_LINE, folder)
    size, count, characters = map(int, printed)
    assert size > 50_000_000
    assert count > 20_000
    assert characters > 0.97 * size
    assert peak_kb < 900_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pdf", "docx"])
def test_thousands_of_mutations_never_stop_the_reader(make, tmp_path, kind):
    whole = {
        "pdf": make.pdf([TEXT, "Two."], [TEXT], title="T"),
        "docx": make.docx(TEXT, [["a", "b"]]),
    }[kind]
    draw = random.Random(7)
    path = tmp_path / f"a.{kind}"
    outcomes: dict[str, int] = {}
    with Worker(IngestSettings(max_seconds_per_file=20)) as worker:
        for _ in range(2_000):
            data = bytearray(whole)
            for _ in range(draw.choice((1, 3, 20))):
                place = draw.randrange(len(data))
                data[place : place + draw.choice((0, 1, 1, 4))] = draw.randbytes(
                    draw.choice((0, 1, 1, 9))
                )
            path.write_bytes(data)
            try:
                worker.read(path)
                outcome = "read"
            except DocumentError as error:
                outcome = error.reason
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert sum(outcomes.values()) == 2_000
    assert outcomes["read"] > 100
    assert set(outcomes) <= {
        "read", "damaged", "encrypted", "wrong_format", "too_large", "timeout", "out_of_memory",
        "parser_crash", "no_text",
    }  # fmt: skip
