;; wasi_experimental_http with 15 parameters as in 0.2.0, lengths passed as they are: POSTs "hello" to
;; the URL of argument 1 with one header, prints the response's headers (lines) and the body, or the
;; host's words about what went wrong. Exit status: the error code.
(module
  (import "wasi_experimental_http" "req"
    (func $req (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "abc:def\n")
  (data (i32.const 544) "POST")
  (data (i32.const 560) "hello")
  ;; Every call grows the memory, so that what the host knew of it is stale.
  (func (export "alloc") (param $len i32) (result i32)
    (i32.shl
      (memory.grow
        (i32.add (i32.shr_u (local.get $len) (i32.const 16)) (i32.const 1)))
      (i32.const 16)))
  ;; Print a text and a newline.
  (func $print (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.const 12))
    (i32.store (i32.const 4) (i32.const 1))
    (i32.store8 (i32.const 12) (i32.const 10))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  ;; The URL: argument 1. Its length goes to 64.
  (func $url (result i32) (local $at i32)
    (drop (call $args (i32.const 16) (i32.const 1024)))
    (local.set $at (i32.load (i32.const 20)))
    (loop $next
      (if (i32.load8_u (local.get $at))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (i32.store (i32.const 64) (i32.sub (local.get $at) (i32.load (i32.const 20))))
    (i32.load (i32.const 20)))
  (func (export "_start") (local $url i32) (local $code i32)
    (local.set $url (call $url))
    (local.set $code
      (call $req (local.get $url) (i32.load (i32.const 64)) (i32.const 544) (i32.const 4)
        (i32.const 560) (i32.const 5) (i32.const 512) (i32.const 8)
        (i32.const 72) (i32.const 76) (i32.const 80) (i32.const 84) (i32.const 88)
        (i32.const 92) (i32.const 96)))
    (if (local.get $code)
      (then
        (call $print (i32.load (i32.const 92)) (i32.load (i32.const 96)))
        (call $exit (local.get $code))))
    (call $print (i32.load (i32.const 80)) (i32.load (i32.const 84)))
    (call $print (i32.load (i32.const 72)) (i32.load (i32.const 76)))))
