//! Wasmtime's C API, re-exported whole, and the few functions it lacks.
//!
//! Everything here is called from `src/engine/*.c` and declared in
//! `src/engine/rust/hythe_engine.h`. The casts between C handles and Rust types rest on the
//! `repr` of each handle in `wasmtime-c-api-impl` 48.0.8; the dependency is pinned to that
//! version for this reason.

mod component;
mod future;
mod linked;
mod slots;
mod toml;
mod wasi;

pub use wasmtime_c_api::*;

use std::ffi::c_void;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use wasmtime_c_api::wasmtime::{
    bail, Config, Enabled, Engine, PoolingAllocationConfig, ResourceLimiter, Result, Store,
};

type Data = WasmtimeStoreData;

/// Makes an engine, or an error where `wasm_engine_new_with_config` would abort.
///
/// # Safety
/// `config` is a live `wasm_config_t`, which this call consumes.
#[no_mangle]
pub unsafe extern "C" fn hythe_engine_new(
    config: Box<wasm_config_t>,
    ret_engine: &mut *mut wasm_engine_t,
) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: wasm_config_t is repr(C) with one field, a Config.
    let inner = unsafe { &*(&raw const *config).cast::<Config>() };
    match Engine::new(inner) {
        Ok(engine) => {
            // SAFETY: wasm_engine_t is repr(C) with one field, an Engine.
            *ret_engine = Box::into_raw(Box::new(engine)).cast::<wasm_engine_t>();
            None
        }
        Err(error) => Some(Box::new(error.into())),
    }
}

/// A number that differs whenever code compiled by one engine cannot be loaded by another.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn hythe_engine_fingerprint(engine: *const wasm_engine_t) -> u64 {
    // SAFETY: as in hythe_engine_new.
    let engine = unsafe { &*engine.cast::<Engine>() };
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// The BLAKE3 hash of `len` bytes.
///
/// # Safety
/// `data` holds `len` bytes; `ret_hash` takes 32.
#[no_mangle]
pub unsafe extern "C" fn hythe_blake3(data: *const u8, len: usize, ret_hash: &mut [u8; 32]) {
    let bytes = if len == 0 {
        &[][..]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(data, len) }
    };
    *ret_hash = *blake3::hash(bytes).as_bytes();
}

/// The BLAKE3 hash of what a file holds from its beginning, and its length; a negative errno when it
/// cannot be read. The descriptor's offset moves.
#[no_mangle]
pub extern "C" fn hythe_blake3_file(fd: i32, ret_hash: &mut [u8; 32]) -> i64 {
    // SAFETY: the descriptor is the caller's and stays open.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => _ = hasher.update(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return -i64::from(error.raw_os_error().unwrap_or(5)),
        }
    }
    *ret_hash = *hasher.finalize().as_bytes();
    hasher.count() as i64
}

/// Asked before a guest's memory or table grows: what grows, from, to. Returns whether it may.
type AllowGrowth = extern "C" fn(env: *mut c_void, is_memory: bool, from: usize, to: usize) -> bool;

struct Limiter {
    env: *mut c_void,
    allow: AllowGrowth,
}

// SAFETY: a store and its limiter are used by one thread at a time.
unsafe impl Send for Limiter {}
unsafe impl Sync for Limiter {}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, from: usize, to: usize, max: Option<usize>) -> Result<bool> {
        if max.is_some_and(|max| to > max) {
            return Ok(false);
        }
        if (self.allow)(self.env, true, from, to) {
            return Ok(true);
        }
        bail!("memory limit: {to} bytes wanted")
    }

    fn table_growing(&mut self, from: usize, to: usize, max: Option<usize>) -> Result<bool> {
        if max.is_some_and(|max| to > max) {
            return Ok(false);
        }
        Ok((self.allow)(self.env, false, from, to))
    }
}

/// Asks `allow` before each growth of a memory (a refusal traps) or table (a refusal fails).
///
/// # Safety
/// `store` is live; `env` outlives it.
#[no_mangle]
pub unsafe extern "C" fn hythe_store_limiter(
    store: *mut wasmtime_store_t,
    allow: AllowGrowth,
    env: *mut c_void,
) {
    // SAFETY: wasmtime_store_t is repr(C) with one field, a Store.
    let store = unsafe { &mut *store.cast::<Store<Data>>() };
    let mut limiter = Limiter { env, allow };
    store.limiter(move |_| {
        // SAFETY: the closure owns the limiter and is called by one thread at a time; the
        // reference ends with the call.
        unsafe { &mut *(&raw mut limiter) }
    });
}

/// Has a pool ask the kernel which pages of a memory were written, and clear only those.
///
/// # Safety
/// `pool` is live.
#[no_mangle]
pub unsafe extern "C" fn hythe_pool_pagemap_scan(
    pool: *mut wasmtime_pooling_allocation_config_t,
    is_on: bool,
) {
    // SAFETY: wasmtime_pooling_allocation_config_t is repr(C) with one field.
    let pool = unsafe { &mut *pool.cast::<PoolingAllocationConfig>() };
    pool.pagemap_scan(if is_on { Enabled::Auto } else { Enabled::No });
}
