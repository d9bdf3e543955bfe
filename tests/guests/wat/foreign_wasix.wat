;; WASIX: preview1 for files, its own module for sockets and threads.
(module
  (import "wasix_32v1" "sock_open" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasix_32v1" "sock_bind" (func (param i32 i32) (result i32)))
  (import "wasix_32v1" "sock_listen" (func (param i32 i32) (result i32)))
  (import "wasix_32v1" "sock_accept_v2" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
