//! Components: their imports bound to C's tables once, instantiated and called often.

use crate::future::{future_of, Ended, HytheEnd, OneThread, STEP_DONE, STEP_WAIT};
use crate::slots::{put_args, take_answer, Answer, Args, Frame, Slot};
use crate::wasi::{declare, IncomingRequest, ResponseOutparam};
use std::ffi::{c_char, c_void, CStr, OsStr};
use std::future::poll_fn;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::task::Poll;
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Payload};
use wasmtime_c_api::wasmtime::component::types::ComponentItem;
use wasmtime_c_api::wasmtime::component::{
    Component, ComponentExportIndex, Instance, InstancePre, Linker, LinkerInstance, Resource,
    ResourceType, TypedFunc,
};
use wasmtime_c_api::wasmtime::{
    bail, AsContext, Engine, Precompiled, Result, StoreContextMut,
};
use wasmtime_c_api::{
    wasm_engine_t, wasmtime_call_future_t, wasmtime_component_t, wasmtime_context_get_data,
    wasmtime_error_t, WasmtimeStoreData as Data,
};

/// `struct component_func`, as far as it is looked at here.
#[repr(C)]
pub struct FuncRow {
    name: *const c_char,
    args: *const c_char,
    begin: *const c_void,
    finish: *const c_void,
}

/// `struct component_resource`.
#[repr(C)]
pub struct ResourceRow {
    name: *const c_char,
    drop: *const c_void,
}

/// `struct component_interface`.
#[repr(C)]
pub struct InterfaceRow {
    name: *const c_char,
    funcs: *const FuncRow,
    func_count: usize,
    resources: *const ResourceRow,
    resource_count: usize,
}

/// How C is called: a function's row in two halves, and a resource's drop.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Steps {
    step: extern "C" fn(
        row: *const FuncRow,
        data: *mut c_void,
        args: *const Slot,
        results: *mut Slot,
        is_begin: bool,
    ) -> i32,
    drop: extern "C" fn(row: *const ResourceRow, data: *mut c_void, rep: u32) -> i32,
}

/// A row with the way to call it.
struct Bound<T> {
    row: *const T,
    steps: Steps,
}

impl<T> Clone for Bound<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Bound<T> {}

// SAFETY: rows are constant.
unsafe impl<T> Send for Bound<T> {}
unsafe impl<T> Sync for Bound<T> {}

type Func = Bound<FuncRow>;

impl Func {
    fn step(&self, store: &StoreContextMut<'_, Data>, frame: &mut Frame, is_begin: bool) -> i32 {
        let data = wasmtime_context_get_data(store.as_context());
        (self.steps.step)(self.row, data, frame.args.as_ptr(), frame.results.as_mut_ptr(), is_begin)
    }

    fn call<P: Args, R: Answer>(
        self,
        mut store: StoreContextMut<'_, Data>,
        args: P,
    ) -> Result<R> {
        let mut frame = Frame::new();
        put_args(&args, &mut store, &mut frame)?;
        match self.step(&store, &mut frame, true) {
            STEP_DONE => take_answer(&frame),
            _ => Err(Ended.into()),
        }
    }

    async fn call_waiting<P: Args, R: Answer>(
        self,
        mut store: StoreContextMut<'_, Data>,
        args: P,
    ) -> Result<R> {
        let mut frame = Frame::new();
        put_args(&args, &mut store, &mut frame)?;
        let mut is_begin = true;
        let answer = poll_fn(|_| {
            let answer = self.step(&store, &mut frame, is_begin);
            is_begin = false;
            match answer {
                STEP_WAIT => Poll::Pending,
                _ => Poll::Ready(answer),
            }
        });
        match answer.await {
            STEP_DONE => take_answer(&frame),
            _ => Err(Ended.into()),
        }
    }
}

/// An interface that is being defined.
pub struct Interface<'a> {
    linker: LinkerInstance<'a, Data>,
    row: &'a InterfaceRow,
    steps: Steps,
}

/// A row of C's by its name.
fn find<'a, T>(rows: &'a [T], name: &str, name_of: fn(&T) -> *const c_char) -> Option<&'a T> {
    // SAFETY: C's names are NUL-terminated constants.
    rows.iter().find(|row| unsafe { CStr::from_ptr(name_of(row)) }.to_bytes() == name.as_bytes())
}

/// # Safety
/// `rows` has `count` entries.
unsafe fn rows_of<'a, T>(rows: *const T, count: usize) -> &'a [T] {
    match count {
        0 => &[],
        // SAFETY: the caller's promise.
        _ => unsafe { std::slice::from_raw_parts(rows, count) },
    }
}

impl Interface<'_> {
    fn find(&self, name: &str, waits: bool) -> Result<Func> {
        // SAFETY: the table is C's.
        let rows = unsafe { rows_of(self.row.funcs, self.row.func_count) };
        let Some(row) = find(rows, name, |row| row.name) else {
            bail!("the host has no {name}");
        };
        if waits == row.finish.is_null() {
            bail!("the host's {name} and its type differ in whether it waits");
        }
        Ok(Bound { row, steps: self.steps })
    }

    pub fn func<P: Args, R: Answer>(&mut self, name: &str) -> Result<()> {
        let func = self.find(name, false)?;
        self.linker.func_wrap(name, move |store, args: P| func.call::<P, R>(store, args))
    }

    pub fn waiting_func<P: Args, R: Answer>(&mut self, name: &str) -> Result<()> {
        let func = self.find(name, true)?;
        self.linker.func_wrap_async(name, move |store, args: P| {
            Box::new(OneThread(func.call_waiting::<P, R>(store, args)))
        })
    }

    pub fn resource(&mut self, name: &str, ty: ResourceType) -> Result<()> {
        // SAFETY: the table is C's.
        let rows = unsafe { rows_of(self.row.resources, self.row.resource_count) };
        let Some(row) = find(rows, name, |row| row.name) else {
            bail!("the host has no resource {name}");
        };
        let drop = Bound { row, steps: self.steps };
        self.linker.resource(name, ty, move |store, rep| {
            let Bound { row, steps } = { drop };
            match (steps.drop)(row, wasmtime_context_get_data(store.as_context()), rep) {
                STEP_DONE => Ok(()),
                _ => Err(Ended.into()),
            }
        })
    }
}

/// What C says of an import: the interface that it has for that name.
#[repr(C)]
pub struct HytheOffer {
    name: *const c_char,
    interface: *const InterfaceRow,
}

/// A component with its imports bound.
pub struct HytheComponent {
    pre: InstancePre<Data>,
    handle: Option<ComponentExportIndex>,
    run: Option<ComponentExportIndex>,
}

/// The function of an exported interface, whatever 0.2.x its version is.
fn find_export(
    engine: &Engine,
    component: &Component,
    interface: &str,
    func: &str,
) -> Option<ComponentExportIndex> {
    let ty = component.component_type();
    let name = ty.exports(engine).find_map(|(name, _)| {
        name.strip_prefix(interface)?.strip_prefix("@0.2.").map(|_| name.to_owned())
    })?;
    let instance = component.get_export_index(None, &name)?;
    component.get_export_index(Some(&instance), func)
}

fn link(
    engine: &Engine,
    component: &Component,
    offers: &[HytheOffer],
    steps: Steps,
    stub_unknown: bool,
) -> Result<HytheComponent> {
    let mut linker = Linker::<Data>::new(engine);
    for offer in offers {
        // SAFETY: C's promise for names and tables.
        let (import, row) = unsafe { (CStr::from_ptr(offer.name).to_str()?, &*offer.interface) };
        let mut root = linker.root();
        let mut interface = Interface { linker: root.instance(import)?, row, steps };
        let name = import.split('@').next().unwrap_or(import);
        if !declare(name, &mut interface)? {
            bail!("the types of {name} are not known");
        }
    }
    if stub_unknown {
        linker.allow_shadowing(true);
        linker.define_unknown_imports_as_traps(component)?;
    }
    Ok(HytheComponent {
        pre: linker.instantiate_pre(component)?,
        handle: find_export(engine, component, "wasi:http/incoming-handler", "handle"),
        run: find_export(engine, component, "wasi:cli/run", "run"),
    })
}

/// Binds a component's imports. Imports that no offer names are left to `stub_unknown`.
///
/// # Safety
/// `engine` and `component` are live; `offers` holds `noffers` entries, whose tables outlive what is
/// made here.
#[no_mangle]
pub unsafe extern "C" fn hythe_component_link(
    engine: *const wasm_engine_t,
    component: *const wasmtime_component_t,
    offers: *const HytheOffer,
    noffers: usize,
    steps: &Steps,
    stub_unknown: bool,
    ret_component: &mut *mut HytheComponent,
) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: wasm_engine_t has one field, an Engine, and wasmtime_component_t is repr(transparent).
    let (engine, component) =
        unsafe { (&*engine.cast::<Engine>(), &*component.cast::<Component>()) };
    // SAFETY: the caller's promise.
    let offers = unsafe { rows_of(offers, noffers) };
    match link(engine, component, offers, *steps, stub_unknown) {
        Ok(linked) => {
            *ret_component = Box::into_raw(Box::new(linked));
            None
        }
        Err(error) => Some(Box::new(error.into())),
    }
}

/// Releases what `hythe_component_link` made; NULL is fine. No future of it is left.
#[no_mangle]
pub extern "C" fn hythe_component_delete(_: Option<Box<HytheComponent>>) {}

/// Is told of each import and export: `inner` is NULL for an interface itself, and then the name of
/// each function in it; it is empty for a function that is in no interface.
type Visit = extern "C" fn(
    env: *mut c_void,
    is_export: bool,
    name: *const c_char,
    name_len: usize,
    inner: *const c_char,
    inner_len: usize,
);

/// Names what a component imports and exports, in its order.
///
/// # Safety
/// `engine` and `component` are live.
#[no_mangle]
pub unsafe extern "C" fn hythe_component_visit(
    engine: *const wasm_engine_t,
    component: *const wasmtime_component_t,
    visit: Visit,
    env: *mut c_void,
) {
    // SAFETY: as in hythe_component_link.
    let (engine, component) =
        unsafe { (&*engine.cast::<Engine>(), &*component.cast::<Component>()) };
    let ty = component.component_type();
    let text = |text: &str| (text.as_ptr().cast::<c_char>(), text.len());
    let tell = |is_export: bool, name: &str, item: &ComponentItem| {
        let (name, name_len) = text(name);
        let instance = match item {
            ComponentItem::ComponentInstance(instance) => instance,
            ComponentItem::Type(_) => return,
            _ => return visit(env, is_export, name, name_len, c"".as_ptr(), 0),
        };
        visit(env, is_export, name, name_len, std::ptr::null(), 0);
        for (inner, item) in instance.exports(engine) {
            if matches!(item.ty, ComponentItem::ComponentFunc(_)) {
                let (inner, inner_len) = text(inner);
                visit(env, is_export, name, name_len, inner, inner_len);
            }
        }
    };
    for (name, item) in ty.imports(engine) {
        tell(false, name, &item.ty);
    }
    for (name, item) in ty.exports(engine) {
        tell(true, name, &item.ty);
    }
}

/// What a file of compiled code holds: 0 nothing known, 1 a module, 2 a component.
///
/// # Safety
/// `path` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn hythe_precompiled_kind(path: *const c_char) -> i32 {
    // SAFETY: the caller's promise.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    match Engine::detect_precompiled_file(path) {
        Ok(Some(Precompiled::Module)) => 1,
        Ok(Some(Precompiled::Component)) => 2,
        _ => 0,
    }
}

/// As `hythe_component_visit` from a component's bytes, whatever features it wants; inner names are
/// not given.
///
/// # Safety
/// `data` holds `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn hythe_component_scan(
    data: *const u8,
    len: usize,
    visit: Visit,
    env: *mut c_void,
) -> Option<Box<wasmtime_error_t>> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { rows_of(data, len) };
    let tell = |is_export: bool, name: &str, is_instance: bool| {
        let inner = if is_instance { std::ptr::null() } else { c"".as_ptr() };
        visit(env, is_export, name.as_ptr().cast(), name.len(), inner, 0);
    };
    let scan = || -> Result<()> {
        let mut depth = 0;
        for payload in wasmparser::Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import?;
                        match import.ty {
                            ComponentTypeRef::Instance(_) => tell(false, import.name.name, true),
                            ComponentTypeRef::Type(_) => {}
                            _ => tell(false, import.name.name, false),
                        }
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export?;
                        match export.kind {
                            ComponentExternalKind::Instance => tell(true, export.name.name, true),
                            ComponentExternalKind::Type => {}
                            _ => tell(true, export.name.name, false),
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    };
    scan().err().map(|error| Box::new(error.into()))
}

type Handle = TypedFunc<(Resource<IncomingRequest>, Resource<ResponseOutparam>), ()>;

/// One store's instance of a component, if it has been made, and what its last call answered.
#[repr(C)]
pub struct HytheComponentRun {
    instance: Option<Box<(Instance, Option<Handle>)>>,
    /// `run` answered with an error.
    has_failed: bool,
}

const CALL_HANDLE: i32 = 1;
const CALL_RUN: i32 = 2;

async fn run(
    mut store: StoreContextMut<'_, Data>,
    component: &HytheComponent,
    what: i32,
    reps: [u32; 2],
    out: *mut HytheComponentRun,
) -> Result<()> {
    // SAFETY: nobody else looks at it while this runs.
    let out = unsafe { &mut *out };
    let of_store = match &mut out.instance {
        Some(of_store) => of_store,
        none => none.insert(Box::new((component.pre.instantiate_async(&mut store).await?, None))),
    };
    match what {
        CALL_HANDLE => {
            let handle = match of_store.1 {
                Some(handle) => handle,
                None => {
                    let Some(index) = &component.handle else {
                        bail!("the component exports no wasi:http/incoming-handler@0.2");
                    };
                    of_store.0.get_typed_func(&mut store, index)?
                }
            };
            of_store.1 = Some(handle);
            let args = (Resource::new_own(reps[0]), Resource::new_own(reps[1]));
            handle.call_async(&mut store, args).await
        }
        CALL_RUN => {
            let Some(index) = &component.run else {
                bail!("the component exports no wasi:cli/run@0.2");
            };
            let func = of_store.0.get_typed_func::<(), (Result<(), ()>,)>(&mut store, index)?;
            let (answer,) = func.call_async(&mut store, ()).await?;
            out.has_failed = answer.is_err();
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Makes the future that instantiates the component, unless `ret_run` has an instance, and calls one
/// of its functions: nothing, incoming-handler.handle with two reps, or run. Poll and delete it as
/// any other of the C API.
///
/// # Safety
/// All pointers are live until the future is deleted; `ret_run` and `ret_end` began zeroed.
#[no_mangle]
pub unsafe extern "C" fn hythe_component_run<'a>(
    store: StoreContextMut<'a, Data>,
    component: &'a HytheComponent,
    what: i32,
    request: u32,
    response: u32,
    ret_run: *mut HytheComponentRun,
    ret_end: *mut HytheEnd,
) -> Box<wasmtime_call_future_t<'a>> {
    // SAFETY: the caller's promise.
    unsafe { future_of(run(store, component, what, [request, response], ret_run), ret_end) }
}

/// Releases the instance that a run holds; its store goes next.
#[no_mangle]
pub extern "C" fn hythe_component_run_done(run: &mut HytheComponentRun) {
    run.instance = None;
}
