;; A preopened listener served by sock_recv and sock_send instead of fd_read and fd_write: polls
;; descriptor 3, accepts, sends one read's worth back, shuts down both ways and exits with 0.
;; Any errno on the way is the exit status.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv"
    (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send"
    (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))
  (func $wait_readable (param $fd i32)
    (i32.store8 (i32.const 72) (i32.const 1))
    (i32.store (i32.const 80) (local.get $fd))
    (call $check (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 32)))
    (call $check (i32.load16_u (i32.const 136))))
  (func (export "_start") (local $fd i32)
    (call $wait_readable (i32.const 3))
    (call $check (call $accept (i32.const 3) (i32.const 4) (i32.const 32)))
    (local.set $fd (i32.load (i32.const 32)))
    (call $wait_readable (local.get $fd))
    (i32.store (i32.const 40) (i32.const 4096))
    (i32.store (i32.const 44) (i32.const 4096))
    (call $check
      (call $recv (local.get $fd) (i32.const 40) (i32.const 1) (i32.const 0) (i32.const 48)
        (i32.const 52)))
    (i32.store (i32.const 44) (i32.load (i32.const 48)))
    (call $check
      (call $send (local.get $fd) (i32.const 40) (i32.const 1) (i32.const 0) (i32.const 48)))
    (call $check (call $shutdown (local.get $fd) (i32.const 3)))
    (call $check (call $close (local.get $fd)))))
