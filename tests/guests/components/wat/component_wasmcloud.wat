;; Made for wasmCloud.
(component
  (import "wasmcloud:bus/lattice@1.0.0" (instance (export "set-link-name" (func)))))
