;; The last parameter of sock_getsockopt is a pointer to the length for most guests and the plain
;; number 4 for Go's: the type is the same. Both forms must read SO_TYPE of a stream socket, 2.
;; Exit status 0 on success, else the number of the step that went wrong.
(module
  (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_getsockopt"
    (func $getsockopt (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 4) "\aa\aa\aa\aa")
  (func $expect (param $step i32) (param $is i32) (param $want i32)
    (if (i32.ne (local.get $is) (local.get $want)) (then (call $exit (local.get $step)))))
  (func (export "_start") (local $fd i32)
    (call $expect (i32.const 1)
      (call $open (i32.const 1) (i32.const 2) (i32.const 1024)) (i32.const 0))
    (local.set $fd (i32.load (i32.const 1024)))
    (call $expect (i32.const 2)
      (call $getsockopt (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 1032) (i32.const 4))
      (i32.const 0))
    (call $expect (i32.const 3) (i32.load (i32.const 1032)) (i32.const 2))
    ;; Nothing may have been written where the number 4 would point.
    (call $expect (i32.const 4) (i32.load (i32.const 4)) (i32.const 0xaaaaaaaa))
    (i32.store (i32.const 1032) (i32.const 0))
    (i32.store (i32.const 1040) (i32.const 4))
    (call $expect (i32.const 5)
      (call $getsockopt (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 1032)
        (i32.const 1040))
      (i32.const 0))
    (call $expect (i32.const 6) (i32.load (i32.const 1032)) (i32.const 2))
    (call $expect (i32.const 7) (i32.load (i32.const 1040)) (i32.const 4))))
