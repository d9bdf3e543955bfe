;; The oldest socket build there is: sock_accept has the official type, but its second parameter is
;; a port. It gets the number 8080, which can be no set of flags, and must not fail because of it.
;; Exit status: the errno of the accept, which finds no connection and must answer AGAIN (6).
(module
  (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_bind" (func $bind (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_listen" (func $listen (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags"
    (func $set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 32) "\7f\00\00\01")
  (data (i32.const 40) "\20\00\00\00\04\00\00\00")
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $exit (i32.add (i32.const 100) (local.get $errno))))))
  (func (export "_start") (local $fd i32)
    ;; The old numbering: family 0 is IPv4, type 1 is a stream.
    (call $check (call $open (i32.const 0) (i32.const 1) (i32.const 16)))
    (local.set $fd (i32.load (i32.const 16)))
    (call $check (call $bind (local.get $fd) (i32.const 40) (i32.const 0)))
    (call $check (call $listen (local.get $fd) (i32.const 8)))
    (call $check (call $set_flags (local.get $fd) (i32.const 4)))
    (call $exit (call $accept (local.get $fd) (i32.const 8080) (i32.const 16)))))
