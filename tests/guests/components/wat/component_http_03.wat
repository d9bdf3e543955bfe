;; Made for a release candidate of wasi:http 0.3.
(component
  (import "wasi:http/types@0.3.0-rc-2026-03-15" (instance (export "new-fields" (func)))))
