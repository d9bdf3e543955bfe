;; Spin before components: its host functions had import modules of their own.
(module
  (import "wasi-outbound-http" "request" (func (param i32 i32)))
  (import "spin-config" "get-config" (func (param i32 i32 i32)))
  (import "key-value" "open" (func (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
