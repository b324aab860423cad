"""What of a ref is copied: committed bytes of the files that the patterns take, and a word on everything else."""

import hashlib
import posixpath
from pathlib import Path

import pytest

from seatrial.records import PermanentError, UsageError
from seatrial.sync.files import Code, read_code
from tests.change.repositories import Work


def read(work: Work, *patterns: str, revision: str = "HEAD", project: str = ".") -> Code:
    """The code of a revision, under names that are the paths."""
    tree = work.git("rev-parse", f"{revision}^{{tree}}")
    return read_code(work.repository(project), tree, patterns or ("src/**",), lambda path, _: path)


def contents(code: Code) -> dict[str, bytes]:
    """All bytes by path."""
    return {path: data for batch in code.read(list(code.files.values())) for path, data in batch.items()}


def digest(data: bytes) -> str:
    """As in a listing."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_committed_files_under_the_patterns_are_read(work: Work) -> None:
    """Not what lies in the working tree, nor what is outside the patterns."""
    work.write({"src/app.py": "uncommitted\n", "src/new.py": "new\n"})
    code = read(work)

    assert {"src/app.py": b"one\n", "src/lib/util.py": b"two\n"} == contents(code)
    assert {"src/app.py": digest(b"one\n"), "src/lib/util.py": digest(b"two\n")} == code.digests
    assert () == code.notes


def test_an_older_ref_is_read_as_it_was(work: Work) -> None:
    """Whatever is checked out now."""
    work.commit({"src/app.py": "newer\n", "src/lib/util.py": None})

    assert {"src/app.py": b"one\n", "src/lib/util.py": b"two\n"} == contents(read(work, revision="HEAD~1"))


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (["src/**"], ["src/app.py", "src/lib/util.py"]),
        (["src/*"], ["src/app.py", "src/lib/util.py"]),
        (["*.py", "!lib/"], ["src/app.py", "tests/test_app.py"]),
        (["/README.md"], ["README.md"]),
        (["**"], ["README.md", "src/app.py", "src/lib/util.py", "tests/test_app.py"]),
        (["**", "!tests/**", "!*.md", "tests/test_app.py"], ["src/app.py", "src/lib/util.py", "tests/test_app.py"]),
    ],
)
def test_patterns_are_gits(work: Work, patterns: list[str], taken: list[str]) -> None:
    """The last one that matches counts."""
    work.commit({"tests/test_app.py": "t\n"})

    assert taken == list(read(work, *patterns).files)


def test_patterns_that_take_nothing_are_refused(work: Work) -> None:
    """They would empty the folder, and are a slip more often than not."""
    with pytest.raises(UsageError, match="no file of this ref matches 'source/") as caught:
        read(work, "source/**")
    assert "sync.paths" == caught.value.where


@pytest.mark.parametrize("pattern", ["src/[", "", "!", "a//b"])
def test_a_malformed_pattern_is_refused(work: Work, pattern: str) -> None:
    """By name."""
    with pytest.raises(UsageError, match="malformed"):
        read(work, pattern)


def test_paths_count_from_the_project(work: Work) -> None:
    """In a repository of several projects, each copies its own."""
    work.commit({"services/ranker/src/rank.py": "rank\n", "services/other/src/o.py": "o\n"})

    assert {"src/rank.py": b"rank\n"} == contents(read(work, project="services/ranker"))


def test_bytes_are_copied_as_committed(work: Work) -> None:
    """No line ends and no filters are applied on the way."""
    raw = bytes(range(256)) + b"\r\n\x00"
    work.commit({"src/raw.bin": raw, ".gitattributes": "*.py text eol=crlf\n*.py ident\n", "src/id.py": "$Id$\n"})

    assert (raw, b"$Id$\n") == ((found := contents(read(work)))["src/raw.bin"], found["src/id.py"])


def test_executable_files_are_known_by_their_digest(work: Work) -> None:
    """So that a change of the permission alone is a change."""
    work.commit({"src/run.sh": "#!/bin/sh\n"})
    plain = read(work).files["src/run.sh"]
    (work.folder / "src/run.sh").chmod(0o755)
    work.commit({})
    executable = read(work).files["src/run.sh"]

    assert (False, True) == (plain.executable, executable.executable)
    assert f"{plain.digest}+x" == executable.digest


def test_links_to_copied_files_are_copied_as_those_files(work: Work) -> None:
    """Also over several links, and with the permission of the file."""
    for link, target in {"a": "app.py", "b": "a", "lib/up": "../b", "x": "run.sh"}.items():
        (work.folder / "src" / link).symlink_to(target)
    work.write({"src/run.sh": "#!/bin/sh\n"})
    (work.folder / "src/run.sh").chmod(0o755)
    work.commit({})
    code = read(work)

    assert {b"one\n"} == {contents(code)[path] for path in ("src/a", "src/b", "src/lib/up")}
    assert code.files["src/x"].executable
    assert () == code.notes


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../secret", "../README.md", "lib", "gone", "ring", "../../work/src/app.py", "."]
)
def test_other_links_are_left_out_and_said(work: Work, tmp_path: Path, target: str) -> None:
    """Nothing outside what is copied is ever read: no file of this machine, no other file of the repository."""
    (tmp_path / "secret").write_text("secret")
    (work.folder / "src/ring").symlink_to(target)
    work.commit({})
    code = read(work)

    assert {"src/app.py", "src/lib/util.py"} == set(code.files)
    assert ("left out, a link to what is not copied: src/ring",) == code.notes


def test_submodules_are_left_out_and_said(work: Work) -> None:
    """Their files are another repository's."""
    work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},src/vendored")
    work.git("commit", "--quiet", "--message", "a submodule")
    code = read(work)

    assert ("left out, a submodule: src/vendored",) == code.notes
    assert {"src/app.py", "src/lib/util.py"} == set(code.files)


@pytest.mark.parametrize(("name", "said"), [(b"src/caf\xe9.py", r"src/caf\\xe9.py"), (b"src/a\nb.py", r"src/a\nb.py")])
def test_names_that_not_every_target_can_hold_are_left_out_and_said(work: Work, name: bytes, said: str) -> None:
    """Bytes that are no text, and control characters; shown so that they play no tricks."""
    (Path(posixpath.join(str(work.folder), name.decode("utf-8", "surrogateescape")))).write_text("odd")
    work.commit({})
    code = read(work)

    assert (f"left out, its name can't be kept everywhere: {said}".replace(r"\\", "\\"),) == code.notes
    assert {"src/app.py", "src/lib/util.py"} == set(code.files)


def test_seatrials_own_folder_is_never_copied(work: Work) -> None:
    """Not even where somebody committed it: the notes in the target are there."""
    work.commit({".seatrial/sync.json": "{}", "src/.seatrial/x": "x"})

    assert {"README.md", "src/app.py", "src/lib/util.py"} == set(read(work, "**").files)


def pointer(data: bytes) -> str:
    """What Git LFS commits in place of a file."""
    oid = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"


def keep(work: Work, data: bytes, content: bytes | None = None) -> Path:
    """Put an object where Git LFS keeps it."""
    oid = hashlib.sha256(data).hexdigest()
    path = work.folder / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
    path.parent.mkdir(parents=True)
    path.write_bytes(data if content is None else content)
    return path


def test_a_pointer_of_git_lfs_is_copied_as_the_file_that_it_stands_for(work: Work) -> None:
    """From this clone's store; the digest is that of the file."""
    keep(work, b"weights")
    work.commit({"src/model.bin": pointer(b"weights")})
    code = read(work)

    assert b"weights" == contents(code)["src/model.bin"]
    assert (digest(b"weights"), 7) == ((file := code.files["src/model.bin"]).digest, file.size)


def test_an_object_that_was_not_fetched_is_refused(work: Work) -> None:
    """A pointer in place of a model would break what runs there."""
    work.commit({"src/model.bin": pointer(b"weights"), "src/other.bin": pointer(b"more")})
    with pytest.raises(UsageError, match=r"Git LFS keeps src/model\.bin, src/other\.bin, .* fetched them") as caught:
        read(work)
    assert "git lfs fetch" in caught.value.remedy
    assert {"src/app.py"} == set(read(work, "src/app.py").files)


def test_a_damaged_object_is_refused(work: Work) -> None:
    """Its name is its digest."""
    keep(work, b"weights", b"weight?")
    work.commit({"src/model.bin": pointer(b"weights")})
    with pytest.raises(PermanentError, match="damaged"):
        read(work)


def test_text_about_git_lfs_is_no_pointer(work: Work) -> None:
    """Only what is one from beginning to end."""
    text = "# " + pointer(b"weights")
    work.commit({"src/lfs.md": text, "src/long.md": pointer(b"weights") + "x" * 2000})

    assert text.encode() == contents(read(work))["src/lfs.md"]


def test_a_missing_object_is_an_error_and_no_missing_file(work: Work) -> None:
    """A damaged clone must not remove files from the target."""
    oid = work.git("rev-parse", "HEAD:src/app.py")
    (work.folder / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(PermanentError, match=f"no object {oid[:12]}"):
        read(work)


def test_large_files_are_read_a_few_at_a_time(work: Work) -> None:
    """No more than 32 MiB together, and a larger one alone."""
    megabytes = {"src/a": 20, "src/b": 20, "src/c": 40, "src/d": 1}
    work.commit({path: bytes([number]) * (size << 20) for number, (path, size) in enumerate(megabytes.items())})
    code = read(work, *megabytes)
    batches = [[*batch] for batch in code.read([code.files[path] for path in megabytes])]

    assert [["src/a"], ["src/b"], ["src/c"], ["src/d"]] == batches
