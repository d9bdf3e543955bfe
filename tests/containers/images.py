"""Images for the tests of containers: OCI archives made by hand, with reproducible bytes."""
import hashlib
import io
import json
import tarfile


def tar_of(files):
    """A tar of {path: bytes}, or {path: (bytes, mode)}, with their folders."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in files.items():
            data, mode = content if isinstance(content, tuple) else (content, 0o644)
            info = tarfile.TarInfo(path)
            info.size = len(data)
            info.mode = mode
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def archive(path, name, files, entrypoint, platform=("wasi", "wasm"), env=(), user=""):
    """Write an OCI archive with one layer."""
    layer = tar_of(files)
    system, machine = platform
    config = json.dumps({
        "architecture": machine,
        "os": system,
        "config": {"Entrypoint": entrypoint, "Env": list(env), "User": user},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": digest(layer), "size": len(layer)}],
    }).encode()
    index = json.dumps({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest(manifest),
            "size": len(manifest),
            "platform": {"os": system, "architecture": machine},
            "annotations": {"org.opencontainers.image.ref.name": name.rsplit(":", 1)[1],
                            "io.containerd.image.name": name},
        }],
    }).encode()
    blobs = {f"blobs/sha256/{digest(blob)[7:]}": blob for blob in (layer, config, manifest)}
    path.write_bytes(tar_of({"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
                             "index.json": index, **blobs}))
    return path
