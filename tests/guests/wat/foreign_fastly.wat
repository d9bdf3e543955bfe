;; An edge platform of its own.
(module
  (import "fastly_abi" "init" (func (param i64) (result i32)))
  (import "fastly_http_req" "body_downstream_get" (func (param i32 i32) (result i32)))
  (import "fastly_http_resp" "send_downstream" (func (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
