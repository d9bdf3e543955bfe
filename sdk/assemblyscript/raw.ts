// The imports as they are. Each gives 0 or an HttpError; lengths are in bytes.

// Waits for the head of the response. Headers are one `NAME:VALUE\n` each; the status is written
// as two bytes, the handle as four.
// @ts-ignore: decorator
@external("wasi_experimental_http", "req")
export declare function req(
  url: usize,
  urlLength: usize,
  method: usize,
  methodLength: usize,
  headers: usize,
  headersLength: usize,
  body: usize,
  bodyLength: usize,
  retStatus: usize,
  retHandle: usize
): i32;

// @ts-ignore: decorator
@external("wasi_experimental_http", "close")
export declare function close(handle: u32): i32;

// @ts-ignore: decorator
@external("wasi_experimental_http", "header_get")
export declare function headerGet(
  handle: u32,
  name: usize,
  nameLength: usize,
  value: usize,
  valueSize: usize,
  retLength: usize
): i32;

// @ts-ignore: decorator
@external("wasi_experimental_http", "headers_get_all")
export declare function headersGetAll(
  handle: u32,
  block: usize,
  size: usize,
  retLength: usize
): i32;

// @ts-ignore: decorator
@external("wasi_experimental_http", "body_read")
export declare function bodyRead(handle: u32, buffer: usize, size: usize, retLength: usize): i32;
