"""Directories: what a guest can do in one, not do in a read-only one, and never reach from one."""
import os
import threading

import pytest

STEPS = ["create", "read", "append", "seek", "truncate", "times", "mkdir", "rename", "link",
         "symlink", "readdir", "unlink", "rmdir"]
ROFS = 69
ESCAPES = {"ACCES": 2, "NOENT": 44, "NOTDIR": 54, "LOOP": 32, "PERM": 63, "NOTCAPABLE": 76}

# Opens one path below descriptor 3, following links; exit status: the errno, 0 if it opened.
OPEN = """
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "%s")
  (func (export "_start")
    (call $exit (call $open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const %d)
      (i32.const %d) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)))))
"""

# Makes a symlink from the second path to the first; exit status: the errno.
LINK = """
(module
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "%s")
  (data (i32.const 2048) "%s")
  (func (export "_start")
    (call $exit (call $symlink (i32.const 1024) (i32.const %d) (i32.const 3) (i32.const 2048)
      (i32.const %d)))))
"""


@pytest.fixture
def inside(tmp_path):
    """A directory to give away; beside it lies what must stay out of reach."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    path = tmp_path / "inside"
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "file").write_text("some text\n")
    return path


def opened(hythe, tmp_path, inside, name, oflags=0, *options):
    module = tmp_path / "open.wat"
    module.write_text(OPEN % (name, len(name), oflags))
    return hythe.run("--dir", f"{inside}::/data", *options, module).code


def snapshot(path):
    return sorted((str(entry.relative_to(path)), entry.lstat().st_mode, entry.lstat().st_size,
                   entry.lstat().st_mtime_ns, entry.lstat().st_nlink) for entry in path.rglob("*"))


def test_every_step(hythe, guest, tmp_path):
    """All that a plain program does with files works, and is there afterwards as it should be."""
    result = hythe.run("--dir", f"{tmp_path}::/data", guest("files"), "/data")
    assert result.out.splitlines() == [f"{step} ok" for step in STEPS], result
    assert result.code == 0
    assert list(tmp_path.iterdir()) == []


def test_what_the_guest_writes_is_on_the_disk(hythe, guest, tmp_path):
    """Content, times and links as the host sees them."""
    steps = STEPS[:STEPS.index("readdir")]
    assert hythe.run("--dir", f"{tmp_path}::/data", guest("files"), "/data", *steps).code == 0
    renamed = tmp_path / "folder" / "renamed"
    assert renamed.read_text() == "some"
    assert renamed.stat().st_mtime_ns == 1_500_000_000_000_000_042
    assert (tmp_path / "linked").samefile(renamed)
    assert os.readlink(tmp_path / "pointer") == "folder/renamed"


def test_own_name(hythe, guest, tmp_path):
    """Without ::GUEST the directory keeps its host name."""
    assert hythe.run("--dir", tmp_path, guest("files"), tmp_path).code == 0


def test_two_directories(hythe, guest, tmp_path):
    """Each name leads to its own directory."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    options = ["--dir", f"{tmp_path}/a::/a", "--dir", f"{tmp_path}/b::/b"]
    assert hythe.run(*options, guest("files"), "/b", "create").code == 0
    assert ((tmp_path / "a" / "file").exists(), (tmp_path / "b" / "file").exists()) == (False, True)


def test_nothing_is_given(hythe, guest):
    """Without --dir there is no file system at all."""
    result = hythe.run(guest("files"), "/tmp", "create")
    assert (result.code, result.out.startswith("chdir errno")) == (125, True), result


# -- read-only -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["create", "append", "truncate", "times", "mkdir", "rename",
                                  "link", "symlink", "unlink", "rmdir"])
def test_read_only_refuses(hythe, guest, tmp_path, step):
    """Each way to write, link, rename or truncate is ROFS, and nothing changes."""
    if step != "create":
        (tmp_path / "file").write_text("some text\n")
    if step != "mkdir":
        (tmp_path / "folder").mkdir()
    if step not in ("rename", "rmdir", "mkdir"):
        (tmp_path / "folder" / "renamed").write_text("some")
    if step == "unlink":
        (tmp_path / "linked").write_text("some")
        (tmp_path / "pointer").symlink_to("linked")
    before = snapshot(tmp_path)
    result = hythe.run("--dir", f"{tmp_path}::/data:ro", guest("files"), "/data", step)
    assert (result.code, result.out) == (1, f"{step} errno {ROFS}\n"), result
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("step", ["read", "readdir"])
def test_read_only_reads(hythe, guest, tmp_path, step):
    """Reading and listing work."""
    (tmp_path / "file").write_text("some text\n")
    for name in ("folder", "linked", "pointer"):
        (tmp_path / name).mkdir()
    result = hythe.run("--dir", f"{tmp_path}::/data:ro", guest("files"), "/data", step)
    assert (result.code, result.out) == (0, f"{step} ok\n"), result


# -- escapes ---------------------------------------------------------------------------------------


def test_paths_that_stay_inside(hythe, tmp_path, inside):
    """Dots and links that do not leave are no escape."""
    (inside / "link").symlink_to("sub/file")
    (inside / "sub" / "up").symlink_to("../sub")
    for name in ("sub/file", "./sub/./file", "sub/../sub/file", "link", "sub/up/file", "sub//file"):
        assert opened(hythe, tmp_path, inside, name) == 0, name


@pytest.mark.parametrize("name", [
    "../outside/secret", "sub/../../outside/secret", "..", "sub/../..", "./../outside",
    "/etc/passwd", "/", "//etc/passwd", "/data/sub/file",
    "out", "out_absolute", "out_dir/secret", "out_root/etc/passwd", "sub/out_up/outside/secret",
    "proc_root/etc/passwd", "proc_cwd/secret", "proc_fd/3", "magic",
])
@pytest.mark.parametrize("oflags", [0, 1], ids=["open", "create"])
def test_escape(hythe, tmp_path, inside, name, oflags):
    """Every way out is refused, for reading as for creating."""
    (inside / "out").symlink_to("../outside/secret")
    (inside / "out_absolute").symlink_to(tmp_path / "outside" / "secret")
    (inside / "out_dir").symlink_to("../outside")
    (inside / "out_root").symlink_to("/")
    (inside / "sub" / "out_up").symlink_to("../..")
    (inside / "proc_root").symlink_to("/proc/self/root")
    (inside / "proc_cwd").symlink_to("/proc/self/cwd")
    (inside / "proc_fd").symlink_to("/proc/self/fd")
    (inside / "magic").symlink_to("/proc/self/exe")
    before = snapshot(tmp_path / "outside")
    code = opened(hythe, tmp_path, inside, name, oflags)
    assert code in ESCAPES.values(), f"{name}: errno {code}"
    assert snapshot(tmp_path / "outside") == before


def test_create_through_a_dangling_link(hythe, tmp_path, inside):
    """Creating what a link outside points to creates nothing there."""
    (inside / "dangling").symlink_to("../outside/new")
    assert opened(hythe, tmp_path, inside, "dangling", 1) in ESCAPES.values()
    assert not (tmp_path / "outside" / "new").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside/secret"])
def test_link_that_the_guest_makes(hythe, tmp_path, inside, target):
    """A guest may be refused to make such a link; if it can, the link leads nowhere for it."""
    module = tmp_path / "link.wat"
    module.write_text(LINK % (target, "made", len(target), len("made")))
    hythe.run("--dir", f"{inside}::/data", module)
    assert opened(hythe, tmp_path, inside, "made") in ESCAPES.values()


def test_link_swapped_during_the_walk(hythe, tmp_path, inside):
    """A directory that becomes a link outside, again and again, lets nothing through."""
    (inside / "swap").mkdir()
    (inside / "swap" / "secret").write_text("harmless")
    (inside / "other").symlink_to("../outside")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            os.rename(inside / "swap", inside / "spare")
            os.rename(inside / "other", inside / "swap")
            os.rename(inside / "swap", inside / "other")
            os.rename(inside / "spare", inside / "swap")

    module = tmp_path / "read.wat"
    module.write_text(READ_MANY)
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        result = hythe.run("--dir", f"{inside}::/data", module)
    finally:
        stop.set()
        swapper.join()
    assert result.code == 0, "the secret was read" if result.code == 1 else result


def test_very_long_paths(hythe, tmp_path, inside):
    """Longer than the system takes: an errno."""
    for name in ("x" * 5000, "/".join(["sub"] * 3000), "sub/../" * 2000):
        assert opened(hythe, tmp_path, inside, name) not in (0, 134), name[:20]


def test_fifo_does_not_block(hythe, tmp_path, inside):
    """Opening a FIFO that nobody writes to must not stop the process."""
    os.mkfifo(inside / "fifo")
    opened(hythe, tmp_path, inside, "fifo")


# Opens and reads swap/secret 20,000 times. Exit status 1: what it read was not "harmless".
READ_MANY = """
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "swap/secret")
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 20000))
    (i32.store (i32.const 0) (i32.const 2048))
    (i32.store (i32.const 4) (i32.const 64))
    (loop $again
      (if (i32.eqz (call $open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 11)
            (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 8)))
        (then
          (if (i32.eqz (call $read (i32.load (i32.const 8)) (i32.const 0) (i32.const 1)
                (i32.const 12)))
            (then
              (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 104))
                (then (call $exit (i32.const 1))))))
          (drop (call $close (i32.load (i32.const 8))))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
"""
