;; Built for a browser's JavaScript glue.
(module
  (import "env" "emscripten_resize_heap" (func (param i32) (result i32)))
  (import "env" "invoke_vi" (func (param i32 i32)))
  (import "env" "__cxa_throw" (func (param i32 i32 i32)))
  (import "env" "_emscripten_memcpy_js" (func (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "main") (param i32 i32) (result i32) (i32.const 0)))
