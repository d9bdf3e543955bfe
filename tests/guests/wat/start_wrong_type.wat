;; A _start that takes a parameter is no entry point.
(module
  (memory (export "memory") 1)
  (func (export "_start") (param i32)))
