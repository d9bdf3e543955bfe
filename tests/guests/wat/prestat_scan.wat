;; What every libc does before main: walk the descriptors from 3 until BADF. Exit status: 16 for
;; each directory plus 1 for each preopen of another kind; 255 for an errno that would end a libc.
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get"
    (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $fd i32) (local $errno i32) (local $found i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (local.set $errno (call $prestat (local.get $fd) (i32.const 16)))
      (if (i32.eq (local.get $errno) (i32.const 8)) (then (call $exit (local.get $found))))
      (if (local.get $errno) (then (call $exit (i32.const 255))))
      (local.set $found
        (i32.add (local.get $found)
          (select (i32.const 1) (i32.const 16) (i32.load8_u (i32.const 16)))))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br $next))))
