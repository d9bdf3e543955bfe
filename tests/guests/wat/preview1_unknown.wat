;; Functions that no preview1 and no dialect of it has, and a known one with a type nobody uses.
(module
  (import "wasi_snapshot_preview1" "sock_lookup_ip" (func (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_teleport" (func (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
