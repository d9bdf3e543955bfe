//! Puts the C headers of the engine where the C build finds them.
//!
//! `HYTHE_ENGINE_INCLUDE` names the directory; the C build sets it.

use std::path::Path;
use std::{env, fs, io};

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn main() {
    println!("cargo:rerun-if-env-changed=HYTHE_ENGINE_INCLUDE");
    let from = env::var("DEP_WASMTIME_C_API_INCLUDE").expect("wasmtime-c-api-impl gives its headers");
    if let Ok(to) = env::var("HYTHE_ENGINE_INCLUDE") {
        copy_tree(Path::new(&from), Path::new(&to)).expect("the headers can be copied");
    }
}
