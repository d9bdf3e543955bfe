"""Images by hand, for the tests: whatever a hostile or an odd builder may write."""
import ctypes
import gzip
import hashlib
import io
import json
import tarfile

IMAGE = "application/vnd.oci.image"
EMPTY_MODULE = b"\0asm\1\0\0\0"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, data=b"", **fields):
    """A member of a layer: (TarInfo, bytes)."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def zstd(data):
    """A frame, by Debian's library, which dpkg needs and every machine has."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    count = library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:count]


def layer(*entries, form=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Layout:
    """Blobs and an index, written as an archive or as a directory."""

    def __init__(self):
        self.blobs = {}
        self.manifests = []

    def put(self, data, media_type, **more):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    def add(self, layers, os="wasi", architecture="wasm", packed=False, name="docker.io/t/app:1",
            layer_type=None, config_type=f"{IMAGE}.config.v1+json", diff_ids=None, **config):
        """An image of layers, which are the bytes of their tars."""
        ids = [digest(data) for data in layers] if diff_ids is None else diff_ids
        media_type = layer_type or f"{IMAGE}.layer.v1.tar" + ("+gzip" if packed else "")
        rows = [self.put(gzip.compress(data, mtime=0) if packed else data, media_type)
                for data in layers]
        head = self.put({"os": os, "architecture": architecture, "config": config,
                         "rootfs": {"type": "layers", "diff_ids": ids}}, config_type)
        manifest = self.put({"schemaVersion": 2, "config": head, "layers": rows},
                            f"{IMAGE}.manifest.v1+json",
                            platform={"os": os, "architecture": architecture},
                            annotations={"io.containerd.image.name": name})
        self.manifests.append(manifest)
        return manifest

    def files(self):
        index = {"schemaVersion": 2, "manifests": self.manifests}
        yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
        yield "index.json", json.dumps(index).encode()
        for name, data in self.blobs.items():
            yield "blobs/sha256/" + name.removeprefix("sha256:"), data

    def archive(self, path, form=tarfile.PAX_FORMAT):
        path.write_bytes(layer(*(entry(name, data) for name, data in self.files()), form=form))
        return path

    def directory(self, path):
        for name, data in self.files():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return path
