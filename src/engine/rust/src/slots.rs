//! Component values as C has them: rows of slots, as `src/engine/component_call.h` lays them out.
//!
//! `Put` writes what a guest passed, `Take` reads what a host function answered. A type has as many
//! slots as its largest form.

use std::borrow::Cow;
use std::ffi::c_void;
use std::slice;
use wasmtime_c_api::wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext,
};
use wasmtime_c_api::wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, Lower, Resource, WasmList, WasmStr,
};
use wasmtime_c_api::wasmtime::{bail, AsContext, Result, StoreContextMut, ValRaw};
use wasmtime_c_api::WasmtimeStoreData as Data;

/// As COMPONENT_SLOTS_MAX.
pub const SLOTS_MAX: usize = 16;

/// What the elements of one call's lists may take, as slots and as the bytes and texts that these
/// point at: guests may name the same bytes in each of them.
const LIST_BYTES_MAX: usize = 8 << 20;

/// Bytes of a text outside of lists, and elements or handles of a list: it is known how many before any
/// is looked at. For both, what any function has a use for is less.
const TEXT_MAX: usize = 1 << 20;
const ELEMENTS_MAX: usize = 65536;

/// `struct span`, `component_words` and `component_list`: a pointer and a count.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Run {
    items: *const c_void,
    count: usize,
}

/// `union component_value`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union Slot {
    number: u64,
    run: Run,
}

const EMPTY: Slot = Slot { run: Run { items: std::ptr::null(), count: 0 } };

/// The slots of one call, and what they point at that is not the guest's.
pub struct Frame {
    pub args: [Slot; SLOTS_MAX],
    pub results: [Slot; SLOTS_MAX],
    /// Of LIST_BYTES_MAX.
    list_bytes: usize,
    texts: Vec<String>,
    words: Vec<u32>,
    lists: Vec<Vec<Slot>>,
}

impl Frame {
    pub const fn new() -> Frame {
        Frame {
            args: [EMPTY; SLOTS_MAX],
            results: [EMPTY; SLOTS_MAX],
            list_bytes: 0,
            texts: Vec::new(),
            words: Vec::new(),
            lists: Vec::new(),
        }
    }
}

/// Where arguments are written: the frame's own slots, or those of a list's elements.
pub struct Putter<'a, 'b> {
    store: &'a mut StoreContextMut<'b, Data>,
    slots: Vec<Slot>,
    frame: &'a mut Frame,
    in_list: bool,
    at: usize,
}

impl Putter<'_, '_> {
    fn slot(&mut self, slot: Slot) {
        if self.in_list {
            self.slots.push(slot);
        } else {
            self.frame.args[self.at] = slot;
        }
        self.at += 1;
    }

    pub fn number(&mut self, number: u64) {
        self.slot(Slot { number });
    }

    fn run<T>(&mut self, items: *const T, count: usize) {
        self.slot(Slot { run: Run { items: items.cast(), count } });
    }

    /// What elements of lists point at is counted: the same bytes as often as they are named.
    fn take_from_lists(&mut self, len: usize) -> Result<()> {
        if self.in_list {
            if len > LIST_BYTES_MAX - self.frame.list_bytes {
                bail!("the lists hold more than the {LIST_BYTES_MAX} bytes of one call");
            }
            self.frame.list_bytes += len;
        }
        Ok(())
    }

    /// Leaves unused slots of a type that began at `from` and has `count`.
    pub fn skip_to(&mut self, from: usize, count: usize) {
        while self.at < from + count {
            self.slot(EMPTY);
        }
    }

    pub fn at(&self) -> usize {
        self.at
    }
}

/// Where results are read.
pub struct Taker<'a> {
    slots: &'a [Slot],
    at: usize,
}

impl Taker<'_> {
    pub fn number(&mut self) -> u64 {
        let slot = self.slots[self.at];
        self.at += 1;
        // SAFETY: any bits are a number.
        unsafe { slot.number }
    }

    /// # Safety
    /// The slot holds `T`s that stay until they have been lowered, which the caller does next.
    unsafe fn run<T>(&mut self) -> &'static [T] {
        let slot = self.slots[self.at];
        self.at += 1;
        // SAFETY: the host function's promise (component_call.h).
        unsafe {
            match slot.run.count {
                0 => &[],
                count => slice::from_raw_parts(slot.run.items.cast::<T>(), count),
            }
        }
    }

    pub fn skip_to(&mut self, from: usize, count: usize) {
        self.at = from + count;
    }

    pub fn at(&self) -> usize {
        self.at
    }
}

pub trait Shape {
    const SLOTS: usize = 1;
}

pub trait Put: Shape {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()>;
}

pub trait Take: Shape + Sized {
    fn take(from: &mut Taker<'_>) -> Result<Self>;
}

pub const fn larger(a: usize, b: usize) -> usize {
    if a > b {
        a
    } else {
        b
    }
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl Shape for $ty {}

        impl Put for $ty {
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                to.number(*self as u64);
                Ok(())
            }
        }

        impl Take for $ty {
            fn take(from: &mut Taker<'_>) -> Result<Self> {
                Ok(from.number() as $ty)
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64);

impl Shape for bool {}

impl Put for bool {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        to.number(u64::from(*self));
        Ok(())
    }
}

impl Take for bool {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        Ok(from.number() != 0)
    }
}

impl Shape for () {
    const SLOTS: usize = 0;
}

impl Put for () {
    fn put(&self, _: &mut Putter<'_, '_>) -> Result<()> {
        Ok(())
    }
}

impl Take for () {
    fn take(_: &mut Taker<'_>) -> Result<Self> {
        Ok(())
    }
}

impl<T: 'static> Shape for Resource<T> {}

impl<T: 'static> Put for Resource<T> {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        to.number(u64::from(self.rep()));
        Ok(())
    }
}

impl<T: 'static> Take for Resource<T> {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        Ok(Resource::new_own(from.number() as u32))
    }
}

/// A string as an argument. Looking at it costs time, and in other encodings than UTF-8 memory, so the
/// length that it is said to have is judged first.
pub struct Text(WasmStr);

impl Text {
    fn judge(len: u32) -> Result<()> {
        /* The highest bit says which of two encodings it is in. */
        let len = (len & (u32::MAX >> 1)) as usize;
        if len > TEXT_MAX {
            bail!("a string of {len} is longer than the {TEXT_MAX} that the host takes");
        }
        Ok(())
    }
}

// SAFETY: as WasmStr in all respects.
unsafe impl ComponentType for Text {
    type Lower = <WasmStr as ComponentType>::Lower;
    const ABI: CanonicalAbiInfo = <WasmStr as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <WasmStr as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: likewise; a string is a pointer and a length.
unsafe impl Lift for Text {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> Result<Self> {
        let [_, len]: &[ValRaw; 2] = src;
        Text::judge(len.get_u32())?;
        Ok(Text(<WasmStr as Lift>::linear_lift_from_flat(cx, ty, src)?))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        if let [_, _, _, _, len @ ..] = bytes {
            Text::judge(u32::from_le_bytes(len.try_into()?))?;
        }
        Ok(Text(<WasmStr as Lift>::linear_lift_from_memory(cx, ty, bytes)?))
    }
}

impl Shape for Text {}

impl Put for Text {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        let text = self.0.to_str(to.store.as_context())?;
        let (data, len) = (text.as_ptr(), text.len());
        if let Cow::Owned(text) = text {
            to.frame.texts.push(text); /* its bytes stay where they are */
        }
        to.take_from_lists(len)?;
        to.run(data, len);
        Ok(())
    }
}

impl Shape for WasmList<u8> {}

impl Put for WasmList<u8> {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        let bytes = self.as_le_slice(to.store.as_context());
        let (data, len) = (bytes.as_ptr(), bytes.len());
        to.take_from_lists(len)?;
        to.run(data, len);
        Ok(())
    }
}

/// A list of handles as an argument. The engine makes something of each before the host function can
/// say that they are too many.
pub struct Handles<T: 'static>(Vec<Resource<T>>);

// SAFETY: as Vec in all respects.
unsafe impl<T: 'static> ComponentType for Handles<T> {
    type Lower = <Vec<Resource<T>> as ComponentType>::Lower;
    const ABI: CanonicalAbiInfo = <Vec<Resource<T>> as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <Vec<Resource<T>> as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: likewise; a list is a pointer and a length.
unsafe impl<T: 'static> Lift for Handles<T> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> Result<Self> {
        let [_, len]: &[ValRaw; 2] = src;
        let count = len.get_u32() as usize;
        if count > ELEMENTS_MAX {
            bail!("a list of {count} handles is more than the {ELEMENTS_MAX} that the host takes");
        }
        Ok(Handles(<Vec<Resource<T>> as Lift>::linear_lift_from_flat(cx, ty, src)?))
    }

    fn linear_lift_from_memory(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        _: &[u8],
    ) -> Result<Self> {
        bail!("no function of the host takes handles in such a way");
    }
}

impl<T: 'static> Shape for Handles<T> {}

/// Handles become words; of them a call has one list at most.
impl<T: 'static> Put for Handles<T> {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        to.frame.words = self.0.iter().map(Resource::rep).collect();
        let (items, count) = (to.frame.words.as_ptr(), to.frame.words.len());
        to.run(items, count);
        Ok(())
    }
}

/// A list of anything but bytes and handles, as an argument.
macro_rules! lists {
    ($($ty:ty),*) => {$(
        impl Shape for WasmList<$ty> {}

        impl Put for WasmList<$ty> {
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                put_list(self, to)
            }
        }
    )*};
}

pub(crate) use lists;

pub fn put_list<T: Lift + Put>(list: &WasmList<T>, to: &mut Putter<'_, '_>) -> Result<()> {
    let count = list.len();
    let room = (LIST_BYTES_MAX - to.frame.list_bytes) / size_of::<Slot>() / T::SLOTS;
    if count > room.min(ELEMENTS_MAX) {
        bail!("a list of {count} elements is more than the host takes in one call");
    }
    to.frame.list_bytes += count * size_of::<Slot>() * T::SLOTS;
    let mut inner = Putter {
        store: &mut *to.store,
        slots: Vec::with_capacity(count * T::SLOTS),
        frame: &mut *to.frame,
        in_list: true,
        at: 0,
    };
    for index in 0..count {
        let item = list.get(&mut *inner.store, index).expect("index is below the length")?;
        item.put(&mut inner)?;
    }
    let slots = inner.slots;
    to.run(slots.as_ptr(), count);
    to.frame.lists.push(slots);
    Ok(())
}

lists!(WasmList<u8>, (Text, WasmList<u8>), Text);

impl Shape for &'static str {}

impl Take for &'static str {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        // SAFETY: it is lowered next.
        Ok(std::str::from_utf8(unsafe { from.run::<u8>() })?)
    }
}

impl Shape for &'static [u8] {}

impl Take for &'static [u8] {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        // SAFETY: it is lowered next.
        Ok(unsafe { from.run::<u8>() })
    }
}

impl Shape for &'static [u32] {}

impl Take for &'static [u32] {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        // SAFETY: it is lowered next.
        Ok(unsafe { from.run::<u32>() })
    }
}


impl<T> Shape for Vec<T> {}

/// A list of anything but bytes and words, as a result.
impl<T: Take> Take for Vec<T> {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        let slot = from.slots[from.at];
        from.at += 1;
        // SAFETY: the host function's promise.
        let (items, count) = unsafe { (slot.run.items.cast::<Slot>(), slot.run.count) };
        let slots = match count {
            0 => &[][..],
            // SAFETY: likewise.
            _ => unsafe { slice::from_raw_parts(items, count * T::SLOTS) },
        };
        let mut inner = Taker { slots, at: 0 };
        (0..count).map(|_| T::take(&mut inner)).collect()
    }
}

impl<T: Shape> Shape for Option<T> {
    const SLOTS: usize = 1 + T::SLOTS;
}

impl<T: Put> Put for Option<T> {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        let from = to.at;
        to.number(u64::from(self.is_some()));
        if let Some(value) = self {
            value.put(to)?;
        }
        to.skip_to(from, Self::SLOTS);
        Ok(())
    }
}

impl<T: Take> Take for Option<T> {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        let begin = from.at;
        let value = match from.number() {
            0 => None,
            _ => Some(T::take(from)?),
        };
        from.skip_to(begin, Self::SLOTS);
        Ok(value)
    }
}

impl<T: Shape, E: Shape> Shape for Result<T, E> {
    const SLOTS: usize = 1 + larger(T::SLOTS, E::SLOTS);
}

impl<T: Put, E: Put> Put for Result<T, E> {
    fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
        let from = to.at;
        to.number(u64::from(self.is_err()));
        match self {
            Ok(value) => value.put(to)?,
            Err(error) => error.put(to)?,
        }
        to.skip_to(from, Self::SLOTS);
        Ok(())
    }
}

impl<T: Take, E: Take> Take for Result<T, E> {
    fn take(from: &mut Taker<'_>) -> Result<Self> {
        let begin = from.at;
        let value = match from.number() {
            0 => Ok(T::take(from)?),
            _ => Err(E::take(from)?),
        };
        from.skip_to(begin, Self::SLOTS);
        Ok(value)
    }
}

macro_rules! tuples {
    ($(($($ty:ident)+))*) => {$(
        impl<$($ty: Shape),+> Shape for ($($ty,)+) {
            const SLOTS: usize = 0 $(+ $ty::SLOTS)+;
        }

        impl<$($ty: Put),+> Put for ($($ty,)+) {
            #[allow(non_snake_case)]
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                let ($($ty,)+) = self;
                $($ty.put(to)?;)+
                Ok(())
            }
        }

        impl<$($ty: Take),+> Take for ($($ty,)+) {
            fn take(from: &mut Taker<'_>) -> Result<Self> {
                Ok(($($ty::take(from)?,)+))
            }
        }
    )*};
}

tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F)(A B C D E F G)(A B C D E F G H));

/// What a host function takes.
pub trait Args: ComponentNamedList + Lift + Put + Send + Sync + 'static {}
impl<T: ComponentNamedList + Lift + Put + Send + Sync + 'static> Args for T {}

/// What it answers: nothing or one value.
pub trait Answer: ComponentNamedList + Lower + Take + Send + Sync + 'static {}
impl<T: ComponentNamedList + Lower + Take + Send + Sync + 'static> Answer for T {}

pub fn put_args<P: Args>(
    args: &P,
    store: &mut StoreContextMut<'_, Data>,
    frame: &mut Frame,
) -> Result<()> {
    const { assert!(P::SLOTS <= SLOTS_MAX) };
    args.put(&mut Putter { store, slots: Vec::new(), frame, in_list: false, at: 0 })
}

pub fn take_answer<R: Answer>(frame: &Frame) -> Result<R> {
    const { assert!(R::SLOTS <= SLOTS_MAX) };
    R::take(&mut Taker { slots: &frame.results, at: 0 })
}

