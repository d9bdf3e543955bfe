;; Import modules that nobody has heard of, one of them of something that is no function.
(module
  (import "acme" "frobnicate" (func (param i32) (result i32)))
  (import "acme" "level" (global i32))
  (import "acme" "polish" (func))
  (memory (export "memory") 1)
  (func (export "_start")))
