;; Made for wasi:nn.
(component
  (import "wasi:nn/graph@0.2.0-rc-2024-10-28" (instance (export "load-by-name" (func)))))
