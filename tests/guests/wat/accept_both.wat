;; One name, two types: the official sock_accept next to WasmEdge's of two parameters, as a linker
;; leaves them when both generations end up in one program. Both must be bound, each by its type.
;; Exit status 0: the official one said AGAIN or BADF about descriptor 3, the other BADF about 99.
(module
  (import "wasi_snapshot_preview1" "sock_accept"
    (func $accept_official (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept"
    (func $accept_v1 (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $errno i32)
    (local.set $errno (call $accept_official (i32.const 3) (i32.const 4) (i32.const 16)))
    (if
      (i32.and
        (i32.ne (local.get $errno) (i32.const 6))
        (i32.ne (local.get $errno) (i32.const 8)))
      (then (call $exit (i32.const 1))))
    (if (i32.ne (call $accept_v1 (i32.const 99) (i32.const 16)) (i32.const 8))
      (then (call $exit (i32.const 2))))))
