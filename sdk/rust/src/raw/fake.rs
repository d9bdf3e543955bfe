//! A host for the unit tests: one request at a time, answered from what the test has laid out.
#![allow(missing_docs, clippy::missing_safety_doc, clippy::too_many_arguments)]

use std::cell::RefCell;
use std::slice;

/// What the next request is answered with, and what was seen of it.
#[derive(Default)]
pub struct Host {
    pub refuse: i32,
    pub status: u16,
    pub headers: Vec<u8>,
    pub parts: Vec<Vec<u8>>,
    /// What body_read gives once the parts are used up: 0 ends the body, anything else breaks it.
    pub end: i32,

    pub url: String,
    pub method: String,
    pub sent_headers: String,
    pub sent_body: Vec<u8>,
    pub open: u32,
    pub header_calls: u32,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

pub const HANDLE: u32 = 7;

pub fn set_up(host: Host) {
    HOST.with(|cell| cell.replace(host));
}

pub fn look<T>(at: impl FnOnce(&Host) -> T) -> T {
    HOST.with(|cell| at(&cell.borrow()))
}

unsafe fn give(from: &[u8], to: *mut u8, ret_len: *mut usize) -> i32 {
    std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len());
    *ret_len = from.len();
    0
}

unsafe fn text(from: *const u8, len: usize) -> String {
    String::from_utf8(slice::from_raw_parts(from, len).to_vec()).unwrap()
}

pub unsafe fn req(
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
) -> i32 {
    HOST.with(|cell| {
        let mut host = cell.borrow_mut();
        host.url = text(url, url_len);
        host.method = text(method, method_len);
        host.sent_headers = text(headers, headers_len);
        host.sent_body = slice::from_raw_parts(body, body_len).to_vec();
        if host.refuse != 0 {
            return host.refuse;
        }
        host.open += 1;
        *ret_status = host.status;
        *ret_handle = HANDLE;
        0
    })
}

pub unsafe fn close(handle: u32) -> i32 {
    assert_eq!(handle, HANDLE);
    HOST.with(|cell| cell.borrow_mut().open -= 1);
    0
}

pub unsafe fn header_get(
    _handle: u32,
    _name: *const u8,
    _name_len: usize,
    _value: *mut u8,
    _value_size: usize,
    _ret_len: *mut usize,
) -> i32 {
    unreachable!("the crate takes all headers at once")
}

pub unsafe fn headers_get_all(
    handle: u32,
    block: *mut u8,
    size: usize,
    ret_len: *mut usize,
) -> i32 {
    assert_eq!(handle, HANDLE);
    HOST.with(|cell| {
        let mut host = cell.borrow_mut();
        host.header_calls += 1;
        if host.headers.len() > size {
            return 4;
        }
        give(&host.headers, block, ret_len)
    })
}

pub unsafe fn body_read(handle: u32, buffer: *mut u8, size: usize, ret_len: *mut usize) -> i32 {
    assert_eq!(handle, HANDLE);
    assert_ne!(size, 0);
    HOST.with(|cell| {
        let mut host = cell.borrow_mut();
        if host.parts.is_empty() {
            *ret_len = 0;
            return host.end;
        }
        let part = &mut host.parts[0];
        let given: Vec<u8> = part.drain(..size.min(part.len())).collect();
        if part.is_empty() {
            host.parts.remove(0);
        }
        give(&given, buffer, ret_len)
    })
}
