;; A client of wasi_experimental_http, the ABI of ten parameters.
(module
  (import "wasi_experimental_http" "req"
    (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_experimental_http" "header_get"
    (func (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_experimental_http" "body_read" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_experimental_http" "close" (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
