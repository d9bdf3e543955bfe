//! What a guest's work is to C: a future of the C API, and how it ended.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_c_api::wasmtime::{Error, PoolConcurrencyLimitError, Result};
use wasmtime_c_api::{wasmtime_call_future_t, wasmtime_error_t};

// As HYTHE_STEP_*: what a host function of C answers.
pub const STEP_DONE: i32 = 0;
pub const STEP_WAIT: i32 = 1;
pub const STEP_CALL: i32 = 3;

/// A host function has said why, and ends the guest.
#[derive(Debug)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ended by the host")
    }
}

impl StdError for Ended {}

/// Lets a future leave this crate as `Send`.
pub struct OneThread<F>(pub F);

// SAFETY: a store, its fiber and what its host functions use belong to one thread at a time;
// Wasmtime's own bound is for hosts that move a store between threads.
unsafe impl<F> Send for OneThread<F> {}

impl<F: Future> Future for OneThread<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the field is never moved out of its pinned wrapper.
        unsafe { self.map_unchecked_mut(|it| &mut it.0) }.poll(context)
    }
}

const END_POOL_FULL: i32 = 1;
const END_FAILED: i32 = 2;

/// When the future is done: 0, or why not, with the error.
#[repr(C)]
pub struct HytheEnd {
    end: i32,
    error: Option<Box<wasmtime_error_t>>,
}

/// Makes a future of the C API, which writes to `ret_end` how the work ended if it failed. Poll and
/// delete it as any other of that API.
///
/// # Safety
/// `ret_end` is live until the future is deleted, and nobody reads it while it is polled.
pub unsafe fn future_of<'a>(
    work: impl Future<Output = Result<()>> + 'a,
    ret_end: *mut HytheEnd,
) -> Box<wasmtime_call_future_t<'a>> {
    let work = OneThread(async move {
        if let Err(error) = work.await {
            let is_full = error.is::<PoolConcurrencyLimitError>();
            let end = if is_full { END_POOL_FULL } else { END_FAILED };
            // SAFETY: the caller's promise.
            unsafe { *ret_end = HytheEnd { end, error: Some(Box::new(Error::into(error))) } };
        }
    });
    let future: Pin<Box<dyn Future<Output = ()> + 'a>> = Box::pin(work);
    // SAFETY: wasmtime_call_future_t is repr(transparent) over this very type.
    Box::new(unsafe {
        std::mem::transmute::<Pin<Box<dyn Future<Output = ()> + 'a>>, wasmtime_call_future_t<'a>>(
            future,
        )
    })
}
