//! Calls each import once, so that a built module shows the type of each. sdk/check compares them
//! with those of the published crate.

use hythe_http::raw;

fn main() {
    let (mut status, mut handle, mut len) = (0, 0, 0);
    let mut buffer = [0; 16];
    let (text, size) = (b"".as_ptr(), buffer.len());
    // SAFETY: all ranges but `buffer` are empty.
    let codes = unsafe {
        [
            raw::req(text, 0, text, 0, text, 0, text, 0, &mut status, &mut handle),
            raw::header_get(handle, text, 0, buffer.as_mut_ptr(), size, &mut len),
            raw::headers_get_all(handle, buffer.as_mut_ptr(), size, &mut len),
            raw::body_read(handle, buffer.as_mut_ptr(), size, &mut len),
            raw::close(handle),
        ]
    };
    println!("{codes:?}");
}
