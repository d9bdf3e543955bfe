//! The imports as they are, for code that wants to do without the rest of this crate.
//!
//! Each function gives 0 or an error number, which [`Error::from_code`](crate::Error::from_code)
//! understands. Lengths are in bytes. The types are those that all releases of the interface from
//! 0.3 on have.

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "wasi_experimental_http")]
extern "C" {
    /// Sends a request and waits for the head of the response. `headers` holds one `NAME:VALUE\n`
    /// for each. The status is written as two bytes.
    pub fn req(
        url: *const u8,
        url_len: usize,
        method: *const u8,
        method_len: usize,
        headers: *const u8,
        headers_len: usize,
        body: *const u8,
        body_len: usize,
        ret_status: *mut u16,
        ret_handle: *mut u32,
    ) -> i32;

    /// Lets go of a response.
    pub fn close(handle: u32) -> i32;

    /// Writes the first value of a header.
    pub fn header_get(
        handle: u32,
        name: *const u8,
        name_len: usize,
        value: *mut u8,
        value_size: usize,
        ret_len: *mut usize,
    ) -> i32;

    /// Writes all headers in the form that `req` takes.
    pub fn headers_get_all(handle: u32, block: *mut u8, size: usize, ret_len: *mut usize) -> i32;

    /// Writes the next part of the body; a length of 0 is its end.
    pub fn body_read(handle: u32, buffer: *mut u8, size: usize, ret_len: *mut usize) -> i32;
}

#[cfg(all(not(target_arch = "wasm32"), not(test)))]
mod nowhere;
#[cfg(all(not(target_arch = "wasm32"), not(test)))]
pub use nowhere::*;

#[cfg(all(not(target_arch = "wasm32"), test))]
pub(crate) mod fake;
#[cfg(all(not(target_arch = "wasm32"), test))]
pub use fake::*;
