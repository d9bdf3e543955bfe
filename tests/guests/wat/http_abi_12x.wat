;; wasi_experimental_http with 12 parameters and handles: req with a TLS configuration in MessagePack.
;; GETs the URL of argument 1 and prints the body. With a second argument it asks for certificates not
;; to be checked. Exit status: the error code.
(module
  (import "wasi_experimental_http" "req"
    (func $req (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_experimental_http" "body_read"
    (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_experimental_http" "close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 544) "GET")
  (data (i32.const 560) "\94\c0\c2\c2\90")
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
  (func $check (param $code i32)
    (if (local.get $code) (then (call $exit (local.get $code)))))
  (func (export "_start") (local $url i32)
    (local.set $url (call $url))
    (if (i32.load (i32.const 24)) ;; argument 2
      (then (i32.store8 (i32.const 563) (i32.const 0xc3))))
    (call $check
      (call $req (local.get $url) (i32.load (i32.const 64)) (i32.const 544) (i32.const 3)
        (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0)
        (i32.const 560) (i32.const 5) (i32.const 97) (i32.const 101)))
    (loop $next
      (call $check
        (call $read (i32.load (i32.const 101)) (i32.const 65536) (i32.const 65536)
          (i32.const 68)))
      (if (i32.load (i32.const 68))
        (then
          (call $print (i32.const 65536) (i32.load (i32.const 68)))
          (br $next))))
    (call $exit (call $close (i32.load (i32.const 101))))))
