"""The site as it is written: what every page holds to, the folder that it is written into, the verb."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from boards import store
from console import CHECKOUT, call
from siteboards import EVIL, hostile, small
from sitepages import pages, read, written

from bench.errors import InputError, MissingError
from bench.site.build import build
from bench.site.names import web_address

BOARD = CHECKOUT / "leaderboards"
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil")
    return build(hostile(folder / "board"), folder / "out" / "site").out


@pytest.mark.parametrize("which", ["site", "evil"])
def test_every_page_runs_and_loads_its_own_files_alone(which: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(which)
    assert len(pages(site)) > 8
    for path in pages(site):
        tree, name = read(path), str(path.relative_to(site))
        first = [meta.get("content") for meta in tree.xpath("/html/head/meta[@http-equiv]")]
        assert first == [POLICY], name
        before = tree.xpath("/html/head/meta[@http-equiv]/preceding-sibling::*")
        assert all(element.tag == "meta" for element in before), name
        assert not tree.xpath("//*[@style] | //style | //iframe | //object | //embed | //base | //form"), name
        assert not [a for a in tree.xpath("//@*") if a.attrname.startswith("on")], name
        assert not [s for s in tree.xpath("//script") if (s.text or "").strip() or not s.get("src")], name
        for address in tree.xpath("//script/@src | //link/@href | //img/@src"):
            assert "://" not in address and (path.parent / address).resolve().is_relative_to(site.resolve()), name


@pytest.mark.parametrize("which", ["site", "evil"])
def test_every_link_is_a_file_of_the_site_or_of_the_web(which: str, request: pytest.FixtureRequest) -> None:
    site = request.getfixturevalue(which).resolve()
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    ids: dict[Path, set[str]] = {}
    for path in pages(site):
        tree = read(path)
        for address in tree.xpath("//a/@href | //script/@src | //link/@href | //img/@src"):
            if re.match(r"https?://", address):
                assert web_address(address) == address
                continue
            target, _, row = address.partition("#")
            file = (path.parent / target).resolve() if target else path
            assert file.is_relative_to(site) and file.relative_to(site).as_posix() in there, (path.name, address)
            if row and "=" not in row:
                if file not in ids:
                    ids[file] = set(read(file).xpath("//@id"))
                assert row in ids[file], (path.name, address)


@pytest.mark.parametrize("which", ["site", "evil"])
def test_tables_say_what_their_cells_are(which: str, request: pytest.FixtureRequest) -> None:
    for path in pages(request.getfixturevalue(which)):
        tree = read(path)
        assert tree.get("lang") == "en" and len(tree.xpath("//h1")) == 1 and len(tree.xpath("//main")) == 1, path
        assert tree.xpath("//title/text()")[0].strip(), path
        identities = tree.xpath("//@id")
        assert len(identities) == len(set(identities)), path
        for table in tree.xpath("//table"):
            assert table.xpath("./caption"), path
            assert not [
                th for th in table.xpath(".//th") if th.get("scope") not in ("col", "row", "colgroup", "rowgroup")
            ]
        for field in tree.xpath("//input | //select"):
            assert tree.xpath(f"//label[@for='{field.get('id')}']") or field.get("aria-label"), path


def test_hostile_texts_are_there_as_texts(evil: Path) -> None:
    shown = {path: read(path) for path in pages(evil)}
    texts = ["".join(tree.xpath("//body//text()")) for tree in shown.values()]
    start = EVIL[:60]
    assert sum(start in text for text in texts) >= 3
    assert not [tree for tree in shown.values() if tree.xpath("//img[@src='x'] | //b[@onclick]")]
    safe = set(string.ascii_lowercase + string.digits + "._-@")
    for path in evil.rglob("*"):
        assert set(path.name) <= safe, path
    for path in evil.glob("data/*.js"):
        assert "<" not in path.read_text(encoding="utf-8"), path


def test_the_same_board_gives_the_same_bytes_wherever_it_lies(site: Path, tmp_path: Path) -> None:
    again = written(small(tmp_path / "elsewhere"), tmp_path / "again")
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert len(files) > 20
    assert [name for name in files if (site / name).read_bytes() != (again / name).read_bytes()] == []


def test_no_page_says_where_it_was_built(site: Path, site_board: Path) -> None:
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        assert str(site_board) not in text and str(site) not in text, path


# --- the folder


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else than a site"):
        build(BOARD, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    with pytest.raises(MissingError, match="no such leaderboard folder"):
        build(tmp_path / "none", tmp_path / "site")


def test_pages_that_are_no_longer_made_go_and_nothing_else(tmp_path: Path) -> None:
    board = tmp_path / "board"
    store(board, "one", {"en": [0.5] * 4})
    gone = store(board, "two", {"en": [0.25] * 4})
    out = build(board, tmp_path / "site").out
    assert (out / "system" / "two.html").exists()
    (out / "CNAME").write_text("example.org")
    outside = tmp_path / "outside.html"
    outside.write_text("mine")
    with (out / ".bench-site").open("a") as file:
        file.write("../outside.html\n")
    gone.unlink()
    build(board, out)
    assert not (out / "system" / "two.html").exists() and (out / "system" / "one.html").exists()
    assert (out / "CNAME").read_text() == "example.org" and outside.read_text() == "mine"


def test_the_verb_says_where_the_site_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "board", "one", {"en": [0.5] * 4})
    folders = {name: tmp_path / name for name in ("board", "out", "cache")}
    done = call(capsys, "site", "build", *(word for name, path in folders.items() for word in (f"--{name}", path)))
    assert done.code == 0, done.err
    assert done.out.strip() == str(tmp_path / "out" / "index.html")
