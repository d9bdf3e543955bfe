"""hythe image, and images as modules: what is built runs, and what other builders wrote does."""
import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import tarfile
import tempfile

import pytest

import oci
from harness import ask, wait_until

REFERENCE = "docker.io/library/app:1"


@pytest.fixture
def build(hythe, tmp_path):
    """Builds an image of a module; gives the archive's path."""
    def make(module, *options, name="app.tar", tag="app:1", env=None):
        path = tmp_path / name
        result = hythe("image", "build", module, "-t", tag, "-o", path, *options, env=env)
        assert result.code == 0, result.err
        return path

    return make


def blobs(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def document(files, descriptor):
    return json.loads(files["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")])


def inspect(hythe, path):
    result = hythe("image", "inspect", "--json", path)
    assert result.code == 0, result.err
    return json.loads(result.out)


# -- building --------------------------------------------------------------------------------------


def test_a_built_image_is_what_was_asked_for(hythe, guest, build):
    module = guest("hello")
    path = build(module, "--env", "A=b", "--env", "C=", "--cmd", "one", "--port", "8080", "--port",
                 "53/udp", "--label", "l=m", "--annotation", "io.hythe.listen=:8080", "--user",
                 "65532", "--entrypoint", "/bin/app.wasm", "--entrypoint", "--flag")
    files = blobs(path)
    top = json.loads(files["index.json"])["manifests"][0]
    assert top["platform"] == {"architecture": "wasm", "os": "wasi"}
    assert top["annotations"] == {"io.containerd.image.name": REFERENCE,
                                  "org.opencontainers.image.ref.name": "1"}
    manifest = document(files, top)
    assert manifest["annotations"] == {"io.hythe.listen": ":8080"}
    config = document(files, manifest["config"])
    assert "created" not in config
    assert config["config"] == {
        "User": "65532", "ExposedPorts": {"8080/tcp": {}, "53/udp": {}}, "Env": ["A=b", "C="],
        "Entrypoint": ["/bin/app.wasm", "--flag"], "Cmd": ["one"], "Labels": {"l": "m"}}
    data = files["blobs/sha256/" + manifest["layers"][0]["digest"].removeprefix("sha256:")]
    assert config["rootfs"]["diff_ids"] == [oci.digest(data)]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(m.name, m.mode, m.uid, m.gid, m.mtime) for m in tar] == [
            ("bin/app.wasm", 0o755 if os.access(module, os.X_OK) else 0o644, 0, 0, 0)]


def test_an_image_is_hardly_larger_than_its_module(hythe, guest, build):
    module = guest("hyper_server")
    path = build(module)
    top = json.loads(blobs(path)["index.json"])["manifests"][0]
    manifest = document(blobs(path), top)
    size = top["size"] + manifest["config"]["size"] + manifest["layers"][0]["size"]
    assert size <= module.stat().st_size + 4096
    assert path.stat().st_size <= module.stat().st_size + 12288


def test_the_same_input_gives_the_same_bytes(guest, build, tmp_path):
    module = guest("hello")
    first = build(module).read_bytes()
    copy = tmp_path / "elsewhere" / module.name
    copy.parent.mkdir()
    shutil.copyfile(module, copy)
    os.utime(copy, (1, 1))
    assert build(copy, name="again.tar").read_bytes() == first
    dated = build(module, name="dated.tar", env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert dated.read_bytes() != first
    files = blobs(dated)
    config = document(files, document(files, json.loads(files["index.json"])["manifests"][0])["config"])
    assert config["created"] == "2023-11-14T22:13:20Z"


def test_an_index_offers_one_layer_for_all_platforms(hythe, guest, build):
    path = build(guest("hello"), "--index", "linux/amd64,linux/arm64/v8", "--docker-archive")
    files = blobs(path)
    top = json.loads(files["index.json"])["manifests"]
    assert len(top) == 1 and top[0]["annotations"]["io.containerd.image.name"] == REFERENCE
    rows = document(files, top[0])["manifests"]
    assert [tuple(row["platform"].values()) for row in rows] == [
        ("wasm", "wasi"), ("amd64", "linux"), ("arm64", "linux", "v8")]
    assert len({document(files, row)["layers"][0]["digest"] for row in rows}) == 1
    docker = json.loads(files["manifest.json"])[0]
    assert docker["RepoTags"] == [REFERENCE] and docker["Layers"][0] in files
    assert json.loads(files[docker["Config"]])["architecture"] == "amd64"


def test_a_directory_is_taken_whole(hythe, guest, build, tmp_path):
    site = tmp_path / "site"
    (site / "b" / "deep").mkdir(parents=True)
    (site / "hythe.toml").write_text('[[route]]\npath = "/"\nmodule = "app.wasm"\n')
    shutil.copyfile(guest("cgi_hello"), site / "app.wasm")
    (site / ("n" * 120)).write_text("long")
    (site / "b" / "deep" / "run").write_text("x")
    (site / "b" / "deep" / "run").chmod(0o700)
    (site / "b" / "link").symlink_to("../hythe.toml")
    path = build(site)
    config = inspect(hythe, path)["images"][0]
    assert config["entrypoint"] == ["/hythe.toml"]
    data = blobs(path)["blobs/sha256/" + config["layers"][0]["digest"].removeprefix("sha256:")]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        rows = [(m.name, oct(m.mode), m.linkname) for m in tar]
    assert rows == [
        ("app.wasm", "0o644", ""), ("b", "0o755", ""), ("b/deep", "0o755", ""),
        ("b/deep/run", "0o755", ""), ("b/link", "0o777", "../hythe.toml"),
        ("hythe.toml", "0o644", ""), ("n" * 120, "0o644", "")]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "b/../../outside"])
def test_a_link_out_of_the_directory_is_refused(hythe, tmp_path, target):
    site = tmp_path / "site"
    site.mkdir()
    (site / "app.wasm").write_bytes(oci.EMPTY_MODULE)
    (site / "link").symlink_to(target)
    result = hythe("image", "build", site, "-t", "a", "-o", tmp_path / "a.tar", "--entrypoint",
                   "/app.wasm")
    assert result.code == 1
    assert f"/link: it is a link to '{target}', which is outside" in result.err
    assert os.listdir(tmp_path) == ["site"]


def test_what_is_there_is_replaced_only_by_force(hythe, guest, build, tmp_path):
    path = build(guest("hello"))
    before = path.read_bytes()
    words = ("image", "build", guest("files"), "-t", "b", "-o")
    result = hythe(*words, path)
    assert result.code == 1 and "--force" in result.err
    assert path.read_bytes() == before
    assert hythe(*words, path, "--force").code == 0
    assert path.read_bytes() != before
    layout = tmp_path / "layout"
    assert hythe(*words, layout).code == 0
    assert hythe(*words, layout).code == 1
    assert hythe(*words, layout, "--force").code == 0
    other = tmp_path / "precious"
    other.mkdir()
    (other / "file").write_text("kept")
    assert hythe(*words, other, "--force").code == 1
    assert (other / "file").read_text() == "kept"
    assert sorted(os.listdir(tmp_path)) == ["app.tar", "layout", "precious"]


@pytest.mark.parametrize("name, words", [
    ("App", "'App' is no name"), ("a:b:c", "'b:c' is no tag"), ("a//b", "empty part"),
    ("a@sha256:" + "0" * 64, "has a digest"), ("a:", "no tag behind it"), ("a..b", "no name"),
    ("host.example:70x/a", "no HOST or HOST:PORT"), ("a" * 300, "more than 255 bytes"),
    ("a:.b", "is no tag"), ("_a", "is no name")])
def test_a_wrong_name_is_explained(hythe, guest, tmp_path, name, words):
    result = hythe("image", "build", guest("hello"), "-t", name, "-o", tmp_path / "a.tar")
    assert result.code == 2
    assert words in result.err


@pytest.mark.parametrize("name, full", [
    ("app", "docker.io/library/app:latest"), ("me/app:2", "docker.io/me/app:2"),
    ("docker.io/app", "docker.io/library/app:latest"),
    ("index.docker.io/me/app", "docker.io/me/app:latest"), ("localhost/a", "localhost/a:latest"),
    ("ghcr.io/me/app:1.2-rc", "ghcr.io/me/app:1.2-rc"), ("r.example:5000/a", "r.example:5000/a:latest"),
    ("[::1]:5000/a:x", "[::1]:5000/a:x"), ("a__b/c--d.e", "docker.io/a__b/c--d.e:latest")])
def test_a_name_is_made_complete(hythe, build, guest, name, full):
    assert inspect(hythe, build(guest("hello"), tag=name))["images"][0]["name"] == full


@pytest.mark.parametrize("options, words", [
    ((), "needs a name"), (("-t", "a"), "-o FILE.tar"),
    (("-t", "a", "-o", "x.tar", "--env", "A"), "--env: 'A' is no pair"),
    (("-t", "a", "-o", "x.tar", "--port", "0"), "--port: '0' is no port"),
    (("-t", "a", "-o", "x.tar", "--index", "windows/amd64"), "only platforms of Linux"),
    (("-t", "a", "-o", "x.tar", "--index", "linux"), "'linux' is no platform"),
    (("-t", "a", "-o", "x.tar", "--docker-archive"), "--index linux/amd64"),
    (("-t", "a", "-o", "x.tar", "--json"), "inspect")])
def test_wrong_options_are_explained(hythe, guest, options, words):
    result = hythe("image", "build", guest("hello"), *options)
    assert result.code == 2
    assert words in result.err


def test_what_is_no_module_is_refused(hythe, tmp_path):
    (tmp_path / "a.wasm").write_bytes(b"\x7fELF and so on")
    (tmp_path / "empty").mkdir()
    out = ("-t", "a", "-o", tmp_path / "a.tar")
    assert "machine code" in hythe("image", "build", tmp_path / "a.wasm", *out).err
    assert "no hythe.toml" in hythe("image", "build", tmp_path / "empty", *out).err
    result = hythe("image", "build", tmp_path / "none.wasm", *out)
    assert result.code == 127 and "no such file" in result.err


# -- running ---------------------------------------------------------------------------------------


def test_an_image_runs_with_its_arguments_and_environment(hythe, guest, build):
    path = build(guest("hello"), "--entrypoint", "/bin/app", "--entrypoint", "fixed", "--cmd",
                 "default", "--env", "A=image", "--env", "B=image")
    result = hythe("run", path)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert [line for line in lines if line.startswith("arg")] == [
        "arg 0: /bin/app", "arg 1: fixed", "arg 2: default"]
    assert {"env A=image", "env B=image"} <= set(lines)
    lines = hythe("run", "--env", "A=mine", "--argv0", "me", f"oci-archive:{path}", "own").out.splitlines()
    assert [line for line in lines if line.startswith("arg")] == [
        "arg 0: me", "arg 1: fixed", "arg 2: own"]
    assert {"env A=mine", "env B=image"} <= set(lines)


def test_a_layout_is_recognised_by_its_content(hythe, guest, tmp_path):
    layout = tmp_path / "layout"
    assert hythe("image", "build", guest("hello"), "-t", "a", "-o", layout).code == 0
    for name in (layout, f"oci:{layout}", f"oci:{layout}:latest", f"{layout}:docker.io/library/a:latest"):
        assert hythe("run", name).out.startswith("hello"), name
    result = hythe("run", f"oci:{layout}:other")
    assert result.code == 126 and "no image 'other'" in result.err


def test_a_socket_server_of_an_image_serves(hythe, guest, build):
    server = hythe.serve_own(build(guest("hyper_server")))
    assert ask(server.address).body


def test_serve_takes_an_image(hythe, guest, build):
    server = hythe.serve(build(guest("cgi_hello"), "--env", "A=b"), "--workers", "2")
    assert ask(server.address).status == 200


def test_check_says_what_will_happen(hythe, guest, build):
    path = build(guest("hyper_server"))
    result = hythe("check", "--image", path)
    assert result.code == 0, result.err
    assert result.out.startswith(f"{REFERENCE}, wasi/wasm\n")
    assert f"hythe run --allow-listen :8080 {path}" in result.out
    assert "/proc/self" not in result.out
    found = json.loads(hythe("check", "--json", path).out)
    assert found["module"] == str(path)
    assert found["image"]["entry"] == "/hyper_server.wasm"
    result = hythe("check", "--image", guest("hyper_server"))
    assert result.code == 126


def test_inspect_says_what_is_in_it(hythe, guest, build):
    path = build(guest("hyper_server"), "--index", "linux/amd64", "--label", "l=m", "--port", "80")
    result = hythe("image", "inspect", path)
    assert result.code == 0, result.err
    for words in ("2 images, all digests are right", "docker.io/library/app:1, wasi/wasm",
                  "docker.io/library/app:1, linux/amd64", "labels        l=m", "ports         80/tcp",
                  "hythe takes docker.io/library/app:1, wasi/wasm", "run it with"):
        assert words in result.out
    found = inspect(hythe, path)
    assert [image["os"] for image in found["images"]] == ["wasi", "linux"]
    assert found["check"]["runnable"] is True
    assert found["program"]["platform"] == "wasi/wasm"


# -- what others build -----------------------------------------------------------------------------


def module_layer(guest, name="app.wasm", **fields):
    return oci.layer(oci.entry(name, guest("hello").read_bytes(), **fields))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("os, architecture", [
    ("wasi", "wasm"), ("wasi", "wasm32"), ("linux", "amd64"), ("linux", "s390x"), ("wasip1", "wasm")])
def test_every_platform_that_holds_a_module(hythe, guest, tmp_path, os, architecture, packed):
    layout = oci.Layout()
    layout.add([module_layer(guest)], os, architecture, packed, Entrypoint=["app.wasm"])
    for path in (layout.archive(tmp_path / "a.tar"), layout.directory(tmp_path / "dir")):
        result = hythe("run", path)
        assert result.code == 0 and result.out.startswith("hello"), result.err


def test_wasm_goes_before_linux(hythe, guest, tmp_path):
    layout = oci.Layout()
    layout.add([oci.layer(oci.entry("app", b"\x7fELF"))], "linux", "amd64", Entrypoint=["/app"])
    layout.add([module_layer(guest)], Entrypoint=["/app.wasm"])
    assert hythe("run", layout.archive(tmp_path / "a.tar")).out.startswith("hello")


@pytest.mark.parametrize("layer_type, config_type", [
    ("application/wasm", "application/vnd.wasm.config.v0+json"),
    ("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", f"{oci.IMAGE}.config.v1+json")])
def test_a_wasm_artifact(hythe, guest, tmp_path, layer_type, config_type):
    layout = oci.Layout()
    layout.add([guest("hello").read_bytes()], "wasip1", "wasm", layer_type=layer_type,
               config_type=config_type, diff_ids=[])
    path = layout.archive(tmp_path / "a.tar")
    assert hythe("run", path).out.startswith("hello")
    assert "a wasm artifact" in hythe("image", "inspect", path).out


def test_layers_lie_on_top_of_each_other(hythe, guest, tmp_path):
    module = guest("hello").read_bytes()
    layout = oci.Layout()
    layout.add([
        oci.layer(oci.entry("bin/old", b"old"), oci.entry("opt/x/app.wasm", b"not this one"),
                  oci.entry("opt/y/app.wasm", module)),
        oci.layer(oci.entry("opt/x/.wh..wh..opq"), oci.entry("bin/.wh.old"),
                  oci.entry("opt/x/app.wasm", b"", type=tarfile.SYMTYPE, linkname="../y/app.wasm")),
        oci.layer(oci.entry("usr/bin/app", type=tarfile.LNKTYPE, linkname="opt/x/app.wasm"),
                  oci.entry("usr/bin/tool", type=tarfile.SYMTYPE, linkname="/opt/x/app.wasm")),
    ], Entrypoint=["tool"])
    result = hythe("run", layout.archive(tmp_path / "a.tar"))
    assert result.out.startswith("hello"), result.err
    gone = oci.Layout()
    gone.add([oci.layer(oci.entry("app.wasm", module)), oci.layer(oci.entry(".wh.app.wasm"))],
             Entrypoint=["/app.wasm"])
    result = hythe("run", gone.archive(tmp_path / "b.tar"))
    assert result.code == 126 and "is not in the image" in result.err


def test_several_images_need_a_name(hythe, guest, tmp_path):
    layout = oci.Layout()
    layout.add([module_layer(guest)], name="docker.io/t/one:1", Entrypoint=["/app.wasm"])
    layout.add([module_layer(guest)], name="docker.io/t/two:1", Entrypoint=["/app.wasm"], Cmd=["2"])
    path = layout.archive(tmp_path / "a.tar")
    result = hythe("run", path)
    assert result.code == 126 and "several images" in result.err
    assert "arg 1: 2" in hythe("run", f"{path}:two:1").out


# -- what must not run -----------------------------------------------------------------------------


def broken(change):
    layout = oci.Layout()
    manifest = layout.add([oci.layer(oci.entry("app.wasm", oci.EMPTY_MODULE))],
                          Entrypoint=["/app.wasm"])
    change(layout, manifest)
    return layout


def flip_layer(layout, manifest):
    name = next(name for name, data in layout.blobs.items() if data[257:262] == b"ustar")
    data = bytearray(layout.blobs[name])
    data[600] ^= 1
    layout.blobs[name] = bytes(data)


def lose_layer(layout, manifest):
    layout.blobs = {name: data for name, data in layout.blobs.items() if data[257:262] != b"ustar"}


def lose_manifest(layout, manifest):
    del layout.blobs[manifest["digest"]]


def wrong_size(layout, manifest):
    manifest["size"] += 1


def wrong_kind(layout, manifest):
    manifest["digest"] = "sha512:" + "0" * 128


def escape(layout, manifest):
    manifest["digest"] = "sha256:../../../../etc/passwd"


def no_json(layout, manifest):
    manifest.update(layout.put(b"{", "x"))


def deep_json(layout, manifest):
    manifest.update(layout.put(b'{"a":' + b"[" * 100000, "x"))


@pytest.mark.parametrize("change, words", [
    (flip_layer, "damaged"), (lose_layer, "is not there"), (lose_manifest, "not there"),
    (wrong_size, "descriptor says"), (wrong_kind, "no SHA-256 digest"), (escape, "no SHA-256 digest"),
    (no_json, "no JSON"), (deep_json, "no JSON")])
def test_a_damaged_image_is_refused(hythe, tmp_path, change, words):
    layout = broken(change)
    for path in (layout.archive(tmp_path / "a.tar"), layout.directory(tmp_path / "dir")):
        for command in (("run",), ("check",), ("image", "inspect")):
            result = hythe(*command, path)
            assert result.code == 126, (command, result.err)
            assert words in result.err


def hostile(*entries, **more):
    return [oci.layer(oci.entry("app.wasm", oci.EMPTY_MODULE), *entries, **more)]


def bomb():
    """64 MiB of zeros hold no module, and a layer says it has more than there is."""
    data = bytearray(oci.layer(oci.entry("zeros", b"\0" * (1 << 20))))
    data[124:136] = b"77777777777\0"
    total = sum(data[:148]) + 8 * 32 + sum(data[156:512])
    data[148:156] = b"%06o\0 " % total
    return [bytes(data)]


@pytest.mark.parametrize("layers, words", [
    (hostile(oci.entry("../outside", b"x")), "leads out of the image"),
    (hostile(oci.entry("a/../../outside", b"x")), "leads out of the image"),
    (hostile(oci.entry("x", type=tarfile.LNKTYPE, linkname="../../etc/passwd")), "leads out"),
    (hostile(oci.entry("s", b"x", type=b"S")), "sparse"),
    (hostile(oci.entry("s", b"x", pax_headers={"GNU.sparse.major": "1"}), form=tarfile.PAX_FORMAT),
     "sparse"),
    (hostile(oci.entry("a/" * 200 + "b", b"x"), form=tarfile.GNU_FORMAT), "128 parts"),
    (hostile(oci.entry("n" * 5000, b"x"), form=tarfile.GNU_FORMAT), "of 5000 bytes"),
    (hostile(oci.entry("p", b"x", pax_headers={"size": "-1"}), form=tarfile.PAX_FORMAT),
     "no number"),
    (bomb(), "cut short"), ([b"no tar" * 1000], "no tar"), ([b"\1" * 100], "cut short")])
def test_a_hostile_layer_is_refused(hythe, tmp_path, layers, words):
    layout = oci.Layout()
    layout.add(layers, Entrypoint=["/app.wasm"])
    result = hythe("run", layout.archive(tmp_path / "a.tar"))
    assert result.code == 126
    assert words in result.err
    assert "Sanitizer" not in result.err


@pytest.mark.parametrize("entries, words", [
    ((oci.entry("app.wasm", type=tarfile.SYMTYPE, linkname="app.wasm"),), "is not in the image"),
    ((oci.entry("app.wasm", type=tarfile.SYMTYPE, linkname="../../../../../etc/passwd"),),
     "is not in the image"),
    ((oci.entry("app.wasm", type=tarfile.CHRTYPE, devmajor=1, devminor=3),), "neither a file"),
    ((oci.entry("app.wasm", type=tarfile.FIFOTYPE),), "neither a file"),
    ((oci.entry("app.wasm", type=tarfile.DIRTYPE),), "is a directory"),
    ((oci.entry("app.wasm", type=tarfile.DIRTYPE), oci.entry("app.wasm/hythe.toml", b"a = 1")),
     "/app.wasm/hythe.toml, a configuration with further files"),
    ((oci.entry("app.wasm", b""),), "is empty"),
    ((oci.entry("app.wasm", b"\x7fELF, compiled by somebody"),), "machine code"),
    ((oci.entry("app.wasm", b"#!/bin/sh"),), "no WebAssembly module")])
def test_an_entry_point_that_is_no_module_is_refused(hythe, tmp_path, entries, words):
    layout = oci.Layout()
    layout.add([oci.layer(*entries)], Entrypoint=["/app.wasm"])
    result = hythe("run", layout.archive(tmp_path / "a.tar"))
    assert result.code == 126
    assert words in result.err


def test_a_wrong_diff_id_and_a_cut_gzip_are_refused(hythe, tmp_path):
    data = oci.layer(oci.entry("app.wasm", oci.EMPTY_MODULE))
    layout = oci.Layout()
    layout.add([data], packed=True, diff_ids=[oci.digest(b"")], Entrypoint=["/app.wasm"])
    assert "digest when unpacked" in hythe("run", layout.archive(tmp_path / "a.tar")).err
    layout = oci.Layout()
    layout.add([gzip.compress(data)[:-9]], layer_type=f"{oci.IMAGE}.layer.v1.tar+gzip",
               diff_ids=[oci.digest(data)], Entrypoint=["/app.wasm"])
    assert "no whole gzip" in hythe("run", layout.archive(tmp_path / "b.tar")).err
    layout = oci.Layout()
    layout.add([data], layer_type=f"{oci.IMAGE}.layer.v1.tar+xz", Entrypoint=["/app.wasm"])
    assert "cannot unpack" in hythe("run", layout.archive(tmp_path / "c.tar")).err


SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"  # a frame of whoever packed it (RFC 8878, 3.1.2)


def zstd_layout(packed, plain):
    layout = oci.Layout()
    layout.add([packed], layer_type=f"{oci.IMAGE}.layer.v1.tar+zstd", diff_ids=[oci.digest(plain)],
               Entrypoint=["/app.wasm"])
    return layout


@pytest.mark.parametrize("pack", [
    oci.zstd,
    lambda data: oci.zstd(data[:700]) + SKIPPED + oci.zstd(data[700:]) + SKIPPED,
    lambda data: oci.zstd(data) + oci.zstd(b"")], ids=["one", "several", "empty at the end"])
def test_a_layer_packed_with_zstd(hythe, guest, tmp_path, pack):
    noise = random.Random(7).randbytes(300_000)  # more than is read at once, packed or not
    data = oci.layer(oci.entry("noise", noise), oci.entry("zeros", bytes(3_000_000)),
                     oci.entry("app.wasm", guest("hello").read_bytes()))
    archive = zstd_layout(pack(data), data).archive(tmp_path / "a.tar")
    result = hythe("run", archive)
    assert result.code == 0, result.err
    assert result.out == "hello\narg 0: /app.wasm\n"
    assert "app.wasm" in hythe("check", "--image", archive).out


def test_zstd_that_is_damaged_is_refused(hythe, tmp_path):
    data = oci.layer(oci.entry("app.wasm", oci.EMPTY_MODULE))
    whole = oci.zstd(data)
    assert len(whole) < 400
    for count in range(len(whole)):
        archive = zstd_layout(whole[:count], data).archive(tmp_path / "a.tar")
        result = hythe("run", archive)
        assert (result.code, "no whole zstd" in result.err) == (126, True), (count, result.err)
    for bad in (data, gzip.compress(data), whole + b"x", whole[:40] + b"\xff" + whole[41:]):
        result = hythe("run", zstd_layout(bad, data).archive(tmp_path / "a.tar"))
        assert (result.code, "damaged" in result.err) == (126, True), result.err


def test_a_cut_archive_is_refused_wherever_it_is_cut(hythe, tmp_path):
    whole = broken(lambda *_: None).archive(tmp_path / "whole.tar").read_bytes()
    path = tmp_path / "cut.tar"
    for length in range(512, len(whole) - 10240, 700):
        path.write_bytes(whole[:length])
        result = hythe("check", path)
        assert result.code == 126, f"cut at {length}: {result.err}"


# -- other tools -----------------------------------------------------------------------------------


def need(tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return tool


def tool(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=100)


def test_skopeo_reads_it(build, guest):
    need("skopeo")
    path = build(guest("hello"), "--index", "linux/amd64")
    result = tool("skopeo", "inspect", "--override-os", "wasi", "--override-arch", "wasm",
                  f"oci-archive:{path}")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Os"] == "wasi"


def test_podman_loads_it(build, guest):
    need("podman")
    path = build(guest("hello"), "--index", "linux/amd64")
    # Its paths have to be short.
    with tempfile.TemporaryDirectory(prefix="hythe-p") as folder:
        podman = ("podman", "--root", f"{folder}/p", "--runroot", f"{folder}/r", "--tmpdir",
                  f"{folder}/t", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                  "--events-backend", "file")
        result = tool(*podman, "load", "-i", path)
    if result.returncode != 0 and re.search("permission|not permitted|user namespace", result.stderr):
        pytest.skip(f"podman cannot work here: {result.stderr.strip()[-200:]}")
    assert result.returncode == 0, result.stderr
    assert REFERENCE in result.stdout


def test_containerd_imports_it(build, guest, tmp_path):
    need("ctr")
    need("containerd")
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    folder = tmp_path / "c"
    folder.mkdir()
    config = folder / "config.toml"
    address = f"/tmp/hythe-e2e-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}.sock"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                      f'[grpc]\naddress = "{address}"\n[ttrpc]\naddress = "{address}.ttrpc"\n')
    with open(folder / "log", "wb") as log:
        daemon = subprocess.Popen(
            ["containerd", "-c", config, "--root", folder / "root", "--state", folder / "state",
             "--address", address], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    try:
        wait_until(lambda: os.path.exists(address) or daemon.poll() is not None, "containerd")
        if daemon.poll() is not None:
            pytest.skip("containerd does not start here: " + (folder / "log").read_text()[-300:])
        for path in (build(guest("hello")), build(guest("hello"), "--index", "linux/amd64",
                                                  name="index.tar")):
            result = tool("ctr", "-a", address, "images", "import", "--platform", "wasi/wasm", path)
            assert result.returncode == 0, result.stderr
            listed = tool("ctr", "-a", address, "images", "ls").stdout
            assert REFERENCE in listed and "wasi/wasm" in listed
    finally:
        daemon.terminate()
        daemon.wait(10)
        for path in (address, address + ".ttrpc"):
            if os.path.exists(path):
                os.unlink(path)
