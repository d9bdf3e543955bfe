;; An interface of WASI without its version.
(component
  (import "wasi:http/types" (instance (export "new-fields" (func)))))
