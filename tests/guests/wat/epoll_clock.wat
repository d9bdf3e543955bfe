;; epoll_oneoff with one relative clock of 1 ms. Exit status 0: one event of that clock, no error.
(module
  (import "wasi_snapshot_preview1" "epoll_oneoff"
    (func $epoll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i64.store (i32.const 64) (i64.const 77))        ;; userdata
    (i32.store (i32.const 80) (i32.const 1))         ;; monotonic
    (i64.store (i32.const 88) (i64.const 1000000))   ;; ns
    (if (call $epoll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 32))
      (then (call $exit (i32.const 1))))
    (if (i32.ne (i32.load (i32.const 32)) (i32.const 1)) (then (call $exit (i32.const 2))))
    (if (i64.ne (i64.load (i32.const 128)) (i64.const 77)) (then (call $exit (i32.const 3))))
    (if (i32.load16_u (i32.const 136)) (then (call $exit (i32.const 4))))))
