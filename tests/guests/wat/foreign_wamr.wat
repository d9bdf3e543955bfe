;; WAMR's sockets: sock_open has four parameters, sock_bind two.
(module
  (import "wasi_snapshot_preview1" "sock_open" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_bind" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_listen" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_addr_local" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_set_reuse_addr" (func (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
