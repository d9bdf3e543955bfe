;; Rust for a browser, before and after its JavaScript glue was made.
(module
  (import "__wbindgen_placeholder__" "__wbindgen_describe" (func (param i32)))
  (import "__wbindgen_placeholder__" "__wbindgen_throw" (func (param i32 i32)))
  (import "__wbindgen_externref_xform__" "__wbindgen_externref_table_grow"
    (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "greet") (param i32 i32)))
