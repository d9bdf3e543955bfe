//! Outside of WebAssembly there is no host: everything is [`Error::Runtime`](crate::Error).
#![allow(missing_docs, clippy::missing_safety_doc, clippy::too_many_arguments)]

const RUNTIME: i32 = 12;

pub unsafe fn req(
    _url: *const u8,
    _url_len: usize,
    _method: *const u8,
    _method_len: usize,
    _headers: *const u8,
    _headers_len: usize,
    _body: *const u8,
    _body_len: usize,
    _ret_status: *mut u16,
    _ret_handle: *mut u32,
) -> i32 {
    RUNTIME
}

pub unsafe fn close(_handle: u32) -> i32 {
    RUNTIME
}

pub unsafe fn header_get(
    _handle: u32,
    _name: *const u8,
    _name_len: usize,
    _value: *mut u8,
    _value_size: usize,
    _ret_len: *mut usize,
) -> i32 {
    RUNTIME
}

pub unsafe fn headers_get_all(
    _handle: u32,
    _block: *mut u8,
    _size: usize,
    _ret_len: *mut usize,
) -> i32 {
    RUNTIME
}

pub unsafe fn body_read(_handle: u32, _buffer: *mut u8, _size: usize, _ret_len: *mut usize) -> i32 {
    RUNTIME
}
