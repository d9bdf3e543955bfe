;; Made for WASI 0.3 itself, which has clocks of its own.
(component
  (import "wasi:clocks/system-clock@0.3.0" (instance (export "now" (func)))))
