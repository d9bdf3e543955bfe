;; wasi:keyvalue of a draft that is no more.
(component
  (import "wasi:keyvalue/eventual@0.1.0" (instance (export "get" (func)))))
