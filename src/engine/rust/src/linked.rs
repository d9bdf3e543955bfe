//! Modules with their imports bound, made once and instantiated often.
//!
//! A host function is bound without a store: its environment is a constant row of C, and whose call
//! it is comes with the store (`wasmtime_context_get_data`). Only a module that imports one name
//! with two types, which no linker can hold, has its functions made anew for each store.

use crate::future::{future_of, Ended, HytheEnd, OneThread, STEP_CALL, STEP_DONE, STEP_WAIT};
use std::ffi::{c_char, c_void, CStr};
use std::future::poll_fn;
use std::task::Poll;
use wasmtime_c_api::wasmtime::{
    bail, AsContext, Caller, Engine, Extern, Func, FuncType, Instance, InstancePre, Linker, Memory,
    Module, ModuleExport, Result, StoreContextMut, ValRaw, ValType,
};
use wasmtime_c_api::{
    wasm_engine_t, wasmtime_call_future_t, wasmtime_caller_t, wasmtime_context_get_data,
    wasmtime_error_t, wasmtime_module_t, WasmtimeStoreData as Data,
};

/// What a step hands back beside its answer.
#[repr(C)]
pub struct HytheStepOut {
    /// A NUL-terminated name: the exported function (i32) -> i32 to call before the next step.
    callee: *const c_char,
    argument: i32,
    /// In: what that function gave.
    result: i32,
}

/// One half of a host function: `row` is its own, `data` the store's.
type Step = extern "C" fn(
    row: *const c_void,
    data: *mut c_void,
    caller: *mut wasmtime_caller_t,
    values: *mut ValRaw,
    out: *mut HytheStepOut,
) -> i32;

/// An import, in the module's order. The types are those of the module's own import.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HytheImport {
    row: *const c_void,
    begin: Step,
    /// None for a function that never waits.
    finish: Option<Step>,
}

// SAFETY: rows are constant; the other two are functions.
unsafe impl Send for HytheImport {}
unsafe impl Sync for HytheImport {}

/// The most i32 parameters a waiting host function may have.
const WAITING_PARAMS: usize = 15;

/// One call of a waiting host function.
struct Parked<'a> {
    import: HytheImport,
    caller: Caller<'a, Data>,
    values: [ValRaw; WAITING_PARAMS],
    out: HytheStepOut,
}

enum Stepped {
    Done(i32),
    Call,
}

impl HytheStepOut {
    const EMPTY: HytheStepOut = HytheStepOut { callee: std::ptr::null(), argument: 0, result: 0 };
}

impl HytheImport {
    fn take(
        &self,
        step: Step,
        caller: &mut Caller<'_, Data>,
        values: *mut ValRaw,
        out: &mut HytheStepOut,
    ) -> i32 {
        let data = wasmtime_context_get_data(caller.as_context());
        // wasmtime_caller_t is repr(C) with one field, a Caller.
        let caller = (&raw mut *caller).cast::<wasmtime_caller_t>();
        step(self.row, data, caller, values, out)
    }

    /// The whole of a function that never waits.
    fn call(&self, mut caller: Caller<'_, Data>, values: *mut ValRaw) -> Result<()> {
        match self.take(self.begin, &mut caller, values, &mut { HytheStepOut::EMPTY }) {
            STEP_DONE => Ok(()),
            _ => Err(Ended.into()),
        }
    }
}

impl Parked<'_> {
    /// Takes one step: `None` while the guest is to stay parked.
    fn step(&mut self, step: Step) -> Option<Result<Stepped>> {
        let values = self.values.as_mut_ptr();
        match self.import.take(step, &mut self.caller, values, &mut self.out) {
            STEP_DONE => Some(Ok(Stepped::Done(self.values[0].get_i32()))),
            STEP_WAIT => None,
            STEP_CALL => Some(Ok(Stepped::Call)),
            _ => Some(Err(Ended.into())),
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
        let mut step = self.import.begin;
        let finish = self.import.finish.unwrap_or(step);
        loop {
            let stepped = poll_fn(|_| {
                let stepped = self.step(step);
                step = finish;
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

/// Gives `$to` a closure of as many i32 parameters as there are names, as `func_wrap_async` of a
/// linker and of a function take it.
macro_rules! waiting {
    ($import:expr, $($arg:ident)*) => {
        move |caller: Caller<'_, Data>, ($($arg,)*): ($(waiting!(@i32 $arg),)*)| {
            let mut values = [ValRaw::i32(0); WAITING_PARAMS];
            let given: &[i32] = &[$($arg),*];
            for (slot, value) in values.iter_mut().zip(given) {
                *slot = ValRaw::i32(*value);
            }
            let parked = Parked { import: $import, caller, values, out: HytheStepOut::EMPTY };
            Box::new(OneThread(parked.run()))
        }
    };
    (@i32 $arg:ident) => { i32 };
}

/// Calls a function whose last argument is the closure of `waiting` for `$count` parameters.
macro_rules! with_waiting {
    ($count:expr, $import:expr, [$($call:tt)*]($($arg:expr),*)) => {
        match $count {
            0 => $($call)*($($arg,)* waiting!($import,)),
            1 => $($call)*($($arg,)* waiting!($import, a)),
            2 => $($call)*($($arg,)* waiting!($import, a b)),
            3 => $($call)*($($arg,)* waiting!($import, a b c)),
            4 => $($call)*($($arg,)* waiting!($import, a b c d)),
            5 => $($call)*($($arg,)* waiting!($import, a b c d e)),
            6 => $($call)*($($arg,)* waiting!($import, a b c d e f)),
            7 => $($call)*($($arg,)* waiting!($import, a b c d e f g)),
            8 => $($call)*($($arg,)* waiting!($import, a b c d e f g h)),
            9 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i)),
            10 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i j)),
            11 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i j k)),
            12 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i j k l)),
            13 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i j k l m)),
            14 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i j k l m n)),
            15 => $($call)*($($arg,)* waiting!($import, a b c d e f g h i j k l m n o)),
            _ => bail!("a function of this type cannot wait"),
        }
    };
}

fn can_wait(ty: &FuncType) -> bool {
    let is_i32 = |ty: ValType| matches!(ty, ValType::I32);
    ty.params().all(is_i32) && ty.results().len() == 1 && ty.results().all(is_i32)
}

fn define(
    linker: &mut Linker<Data>,
    module: &str,
    name: &str,
    ty: FuncType,
    import: HytheImport,
) -> Result<()> {
    if import.finish.is_none() {
        // SAFETY: the row was chosen for this very type.
        unsafe {
            linker.func_new_unchecked(module, name, ty, move |caller, values| {
                import.call(caller, values.as_mut_ptr().cast())
            })?;
        }
        return Ok(());
    }
    if !can_wait(&ty) {
        bail!("{name}: a function of this type cannot wait");
    }
    with_waiting!(ty.params().len(), import, [linker.func_wrap_async](module, name))?;
    Ok(())
}

fn make(store: &mut StoreContextMut<'_, Data>, ty: &FuncType, import: HytheImport) -> Result<Func> {
    if import.finish.is_none() {
        // SAFETY: as in define.
        return Ok(unsafe {
            Func::new_unchecked(store, ty.clone(), move |caller, values| {
                import.call(caller, values.as_mut_ptr().cast())
            })
        });
    }
    Ok(with_waiting!(ty.params().len(), import, [Func::wrap_async](store)))
}

enum Binding {
    Once(InstancePre<Data>),
    /// One name with two types.
    PerStore(Module, Vec<(FuncType, HytheImport)>),
}

/// A module with its imports bound.
pub struct HytheLinked {
    binding: Binding,
    module: Module,
    memory: Option<ModuleExport>,
}

fn bind(engine: &Engine, module: &Module, imports: &[HytheImport]) -> Result<Binding> {
    let mut linker = Linker::<Data>::new(engine);
    let mut types = Vec::new();
    let mut is_twice = false;
    let mut seen: Vec<(&str, &str, *const c_void)> = Vec::new();
    for (item, import) in module.imports().zip(imports) {
        let Some(ty) = item.ty().func().cloned() else {
            bail!("{}.{}: only functions can be imported", item.module(), item.name());
        };
        types.push((ty.clone(), *import));
        let (from, name) = (item.module(), item.name());
        match seen.iter().find(|it| it.0 == from && it.1 == name) {
            Some(it) => is_twice = is_twice || it.2 != import.row,
            None => {
                seen.push((from, name, import.row));
                define(&mut linker, from, name, ty, *import)?;
            }
        }
    }
    if is_twice {
        for (ty, import) in &types {
            if import.finish.is_some() && !can_wait(ty) {
                bail!("a function of this type cannot wait");
            }
        }
        return Ok(Binding::PerStore(module.clone(), types));
    }
    Ok(Binding::Once(linker.instantiate_pre(module)?))
}

/// Binds a module's imports, all of which are functions.
///
/// # Safety
/// `engine` and `module` are live; `imports` holds one entry per import, whose rows outlive what is
/// made here.
#[no_mangle]
pub unsafe extern "C" fn hythe_linked_new(
    engine: *const wasm_engine_t,
    module: *const wasmtime_module_t,
    imports: *const HytheImport,
    nimports: usize,
    ret_linked: &mut *mut HytheLinked,
) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: wasm_engine_t has one field, an Engine, and wasmtime_module_t one, a Module.
    let (engine, module) = unsafe { (&*engine.cast::<Engine>(), &*module.cast::<Module>()) };
    let imports = if nimports == 0 {
        &[][..]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(imports, nimports) }
    };
    match bind(engine, module, imports) {
        Ok(binding) => {
            let memory = module.get_export_index("memory");
            let module = module.clone();
            *ret_linked = Box::into_raw(Box::new(HytheLinked { binding, module, memory }));
            None
        }
        Err(error) => Some(Box::new(error.into())),
    }
}

/// Releases what `hythe_linked_new` made.
///
/// # Safety
/// `linked` is from `hythe_linked_new`, or NULL, and no future of it is left.
#[no_mangle]
pub unsafe extern "C" fn hythe_linked_delete(linked: *mut HytheLinked) {
    if !linked.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(linked) });
    }
}

/// Finds an exported function () -> () for `hythe_linked_run`; NULL without one.
///
/// # Safety
/// `linked` is live; `name` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn hythe_linked_entry(
    linked: &HytheLinked,
    name: *const c_char,
) -> Option<Box<ModuleExport>> {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_str().ok()?;
    let ty = linked.module.get_export(name)?;
    let ty = ty.func()?;
    if ty.params().len() + ty.results().len() > 0 {
        return None;
    }
    linked.module.get_export_index(name).map(Box::new)
}

/// Releases an entry; NULL is fine.
#[no_mangle]
pub extern "C" fn hythe_entry_delete(_: Option<Box<ModuleExport>>) {}

/// How far a guest is, written while it runs.
#[repr(C)]
pub struct HytheRun {
    instance: Instance,
    memory: Memory,
    is_instantiated: bool,
    has_memory: bool,
}

async fn run(
    mut store: StoreContextMut<'_, Data>,
    linked: &HytheLinked,
    entries: [Option<&ModuleExport>; 2],
    out: *mut HytheRun,
) -> Result<()> {
    let instance = match &linked.binding {
        Binding::Once(pre) => pre.instantiate_async(&mut store).await?,
        Binding::PerStore(module, imports) => {
            let imports = imports.iter().map(|(ty, import)| make(&mut store, ty, *import));
            let imports: Vec<Extern> =
                imports.map(|it| it.map(Extern::Func)).collect::<Result<_>>()?;
            Instance::new_async(&mut store, module, &imports).await?
        }
    };
    let memory = linked.memory.as_ref();
    let memory = memory.and_then(|it| instance.get_module_export(&mut store, it));
    // SAFETY: `out` outlives the future, and nobody reads it while this runs but host functions,
    // which cannot run here.
    unsafe {
        (*out).instance = instance;
        if let Some(Extern::Memory(memory)) = memory {
            (*out).memory = memory;
            (*out).has_memory = true;
        }
        (*out).is_instantiated = true;
    }
    for entry in entries.into_iter().flatten() {
        let func = instance.get_module_export(&mut store, entry).and_then(Extern::into_func);
        let Some(func) = func else {
            bail!("the module exports no such function");
        };
        func.typed::<(), ()>(&store)?.call_async(&mut store, ()).await?;
    }
    Ok(())
}

/// Makes the future that instantiates the module and then calls `first` and `second`, either of which
/// may be NULL. Poll and delete it as any other of the C API.
///
/// # Safety
/// All pointers are live until the future is deleted; `ret_run` and `ret_end` are zeroed.
#[no_mangle]
pub unsafe extern "C" fn hythe_linked_run<'a>(
    store: StoreContextMut<'a, Data>,
    linked: &'a HytheLinked,
    first: Option<&'a ModuleExport>,
    second: Option<&'a ModuleExport>,
    ret_run: *mut HytheRun,
    ret_end: *mut HytheEnd,
) -> Box<wasmtime_call_future_t<'a>> {
    // SAFETY: the caller's promise.
    unsafe { future_of(run(store, linked, [first, second], ret_run), ret_end) }
}
