"""The small programs of bench/native/outbound, built for a run into its own folder."""
import shutil

from kit import process
from kit.setting import Missing

BUILD_S = 120
ENGINE_S = 900  # the first time it compiles Wasmtime
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"]
GUEST_COMPILER = "clang-19"
GUEST_PACKAGES = "clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32"


def compile_program(setting, command, output, packages):
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is missing: apt install {packages}")
    try:
        process.run([*command, "-o", output], BUILD_S, process.ALL_CPUS, cwd=setting.root)
    except process.Failure as failure:
        raise Missing(f"{failure}; its libraries: apt install {packages}") from failure
    return output


def _source(setting, name):
    return setting.root / "bench/native/outbound" / f"{name}.c"


def guest(setting, name):
    """A guest on the C SDK, as scripts/guests builds them: in two steps, since the driver runs
    wasm-opt after an optimised link wherever it finds one."""
    objects = []
    for source in (_source(setting, name), setting.root / "sdk/c/hythe_http.c"):
        objects.append(compile_program(
            setting, [GUEST_COMPILER, "--target=wasm32-wasi", *FLAGS, "-I", setting.root / "sdk/c",
                      "-c", source], setting.cache / f"{source.stem}.o", GUEST_PACKAGES))
    return compile_program(
        setting, [GUEST_COMPILER, "--target=wasm32-wasi",
                  "-Wl,-z,stack-size=262144,--stack-first,--strip-debug", *objects],
        setting.cache / f"{name}.wasm", GUEST_PACKAGES)


def native(setting, name, *libraries):
    """A program that uses public libraries only."""
    return compile_program(setting, ["gcc", *FLAGS, _source(setting, name), *libraries],
                    setting.cache / name, "gcc libcurl4-openssl-dev")


def inside(setting, name):
    """A program on hythe's own rooms, linked with those of the build that is measured."""
    rooms = setting.program.parent / "librooms_archive.a"
    if not rooms.exists():
        raise Missing(f"{rooms} is not built; build it: make")
    engine = process.run([setting.root / "scripts/engine"], ENGINE_S, process.ALL_CPUS).strip()
    return compile_program(
        setting, ["gcc", *FLAGS, "-I", setting.root / "src", "-I", setting.root / "include",
                  _source(setting, name), rooms, f"{engine}/libhythe_engine.a", "-Wl,--gc-sections",
                  "-lcares", "-lcjson", "-lpthread", "-ldl", "-lm", "-lgcc_s"],
        setting.cache / name, "gcc libc-ares-dev libcjson-dev")
