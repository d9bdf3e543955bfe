//! Wasmtime's C API, re-exported whole, and the few functions it lacks.
//!
//! Everything here is called from `src/engine/*.c` and declared in
//! `src/engine/rust/hythe_engine.h`. The casts between C handles and Rust types rest on the
//! `repr` of each handle in `wasmtime-c-api-impl` 48.0.8; the dependency is pinned to that
//! version for this reason.

pub use wasmtime_c_api::*;

use std::ffi::{c_char, c_void, CStr};
use std::future::{poll_fn, Future};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_c_api::wasmtime::{
    bail, Caller, Config, Engine, Error, Extern, Func, Instance, Module, ResourceLimiter, Result,
    Store, StoreContextMut, ValRaw,
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

const STEP_DONE: i32 = 0;
const STEP_WAIT: i32 = 1;
const STEP_CALL: i32 = 3;

/// What a step hands back beside its answer.
#[repr(C)]
pub struct HytheStepOut {
    /// Owned by whoever reads it: why the guest traps.
    trap: Option<Box<wasmtime_error_t>>,
    /// A NUL-terminated name: the exported function (i32) -> i32 to call before the next step.
    callee: *const c_char,
    argument: i32,
    /// In: what that function gave.
    result: i32,
}

/// One half of a host function that may wait: begin or finish.
type Step = extern "C" fn(
    env: *mut c_void,
    caller: *mut wasmtime_caller_t,
    values: *mut ValRaw,
    out: *mut HytheStepOut,
) -> i32;

#[derive(Clone, Copy)]
struct Waiting {
    env: *mut c_void,
    begin: Step,
    finish: Step,
}

/// The most i32 parameters a waiting host function may have.
const WAITING_PARAMS: usize = 15;

/// One call of a waiting host function.
struct Parked<'a> {
    waiting: Waiting,
    caller: Caller<'a, Data>,
    values: [ValRaw; WAITING_PARAMS],
    out: HytheStepOut,
}

/// Lets a future leave this module as `Send`.
struct OneThread<F>(F);

// SAFETY: a store, its fiber and the environment of its host functions are used by one thread at
// a time; Wasmtime's own bound is for hosts that move a store between threads.
unsafe impl<F> Send for OneThread<F> {}
unsafe impl Send for Waiting {}
unsafe impl Sync for Waiting {}

impl<F: Future> Future for OneThread<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the field is never moved out of its pinned wrapper.
        unsafe { self.map_unchecked_mut(|it| &mut it.0) }.poll(context)
    }
}

impl Parked<'_> {
    /// Takes one step: `None` while the guest is to stay parked.
    fn step(&mut self, step: Step) -> Option<Result<Stepped>> {
        // wasmtime_caller_t is repr(C) with one field, a Caller.
        let caller = (&raw mut self.caller).cast::<wasmtime_caller_t>();
        match step(self.waiting.env, caller, self.values.as_mut_ptr(), &raw mut self.out) {
            STEP_DONE => Some(Ok(Stepped::Done(self.values[0].get_i32()))),
            STEP_WAIT => None,
            STEP_CALL => Some(Ok(Stepped::Call)),
            _ => Some(Err(match self.out.trap.take() {
                Some(error) => Error::from(*error),
                None => Error::msg("a host function failed"),
            })),
        }
    }

    /// Calls the export that the last step named, on a fiber of its own: it may wait, too.
    async fn call_export(&mut self) -> Result<()> {
        // SAFETY: the step's promise; the name is copied before anything else runs.
        let name = unsafe { CStr::from_ptr(self.out.callee) }.to_string_lossy().into_owned();
        let export = self.caller.get_export(&name).and_then(Extern::into_func);
        let Some(func) = export else {
            bail!("the guest exports no function {name}");
        };
        let func = func.typed::<i32, i32>(&self.caller)?;
        self.out.result = func.call_async(&mut self.caller, self.out.argument).await?;
        Ok(())
    }

    async fn run(mut self) -> Result<i32> {
        let mut step = self.waiting.begin;
        loop {
            let stepped = poll_fn(|_| {
                let stepped = self.step(step);
                step = self.waiting.finish;
                stepped.map_or(Poll::Pending, Poll::Ready)
            })
            .await?;
            match stepped {
                Stepped::Done(answer) => return Ok(answer),
                Stepped::Call => self.call_export().await?,
            }
        }
    }
}

enum Stepped {
    Done(i32),
    Call,
}

macro_rules! wrap {
    ($store:expr, $waiting:expr, $($arg:ident)*) => {
        Func::wrap_async($store, move |caller: Caller<'_, Data>, ($($arg,)*): ($(wrap!(@i32 $arg),)*)| {
            let mut values = [ValRaw::i32(0); WAITING_PARAMS];
            let given: &[i32] = &[$($arg),*];
            for (slot, value) in values.iter_mut().zip(given) {
                *slot = ValRaw::i32(*value);
            }
            let out = HytheStepOut { trap: None, callee: std::ptr::null(), argument: 0, result: 0 };
            Box::new(OneThread(Parked { waiting: $waiting, caller, values, out }.run()))
        })
    };
    (@i32 $arg:ident) => { i32 };
}

/// Makes a host function of `nparams` i32 parameters and one i32 result that may park its fiber:
/// `begin` is called once, then `finish` on every later poll while the last answer was "wait", and
/// after each call of an export that the last answer asked for.
///
/// # Safety
/// `store` is live; `env` outlives it. Returns false for more parameters than are provided for.
#[no_mangle]
pub unsafe extern "C" fn hythe_func_new_waiting(
    mut store: StoreContextMut<'_, Data>,
    nparams: usize,
    begin: Step,
    finish: Step,
    env: *mut c_void,
    ret_func: &mut Func,
) -> bool {
    let waiting = Waiting { env, begin, finish };
    let store = &mut store;
    *ret_func = match nparams {
        0 => wrap!(store, waiting,),
        1 => wrap!(store, waiting, a),
        2 => wrap!(store, waiting, a b),
        3 => wrap!(store, waiting, a b c),
        4 => wrap!(store, waiting, a b c d),
        5 => wrap!(store, waiting, a b c d e),
        6 => wrap!(store, waiting, a b c d e f),
        7 => wrap!(store, waiting, a b c d e f g),
        8 => wrap!(store, waiting, a b c d e f g h),
        9 => wrap!(store, waiting, a b c d e f g h i),
        10 => wrap!(store, waiting, a b c d e f g h i j),
        11 => wrap!(store, waiting, a b c d e f g h i j k),
        12 => wrap!(store, waiting, a b c d e f g h i j k l),
        13 => wrap!(store, waiting, a b c d e f g h i j k l m),
        14 => wrap!(store, waiting, a b c d e f g h i j k l m n),
        15 => wrap!(store, waiting, a b c d e f g h i j k l m n o),
        _ => return false,
    };
    true
}

/// Instantiates a module with one extern per import, in import order, on a fiber.
///
/// This is how one import name with two types can be served, which a linker cannot do. Poll and
/// delete the future as any other of the C API; the outputs must outlive it.
///
/// # Safety
/// All pointers are live until the future is deleted; `imports` only during this call.
#[no_mangle]
pub unsafe extern "C" fn hythe_instance_new_async<'a>(
    mut store: StoreContextMut<'a, Data>,
    module: &'a wasmtime_module_t,
    imports: *const Func,
    nimports: usize,
    ret_instance: &'a mut Instance,
    ret_error: &'a mut *mut wasmtime_error_t,
) -> Box<wasmtime_call_future_t<'a>> {
    let imports: Vec<Extern> = (0..nimports)
        // SAFETY: the caller's promise.
        .map(|i| Extern::Func(unsafe { *imports.add(i) }))
        .collect();
    // SAFETY: wasmtime_module_t has one field, a Module.
    let module = unsafe { &*(module as *const wasmtime_module_t).cast::<Module>() };
    let future: Pin<Box<dyn Future<Output = ()> + 'a>> = Box::pin(async move {
        match Instance::new_async(&mut store, module, &imports).await {
            Ok(instance) => *ret_instance = instance,
            Err(error) => *ret_error = Box::into_raw(Box::new(error.into())),
        }
    });
    // SAFETY: wasmtime_call_future_t is repr(transparent) over this very type.
    Box::new(unsafe {
        std::mem::transmute::<Pin<Box<dyn Future<Output = ()> + 'a>>, wasmtime_call_future_t<'a>>(
            future,
        )
    })
}
