;; wasi:keyvalue of the draft after the one that samples use.
(component
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance (export "open" (func)))))
