;; Made for a snapshot of wasi:cli of 2023.
(component
  (import "wasi:cli/environment@0.2.0-rc-2023-11-10" (instance (export "get-environment" (func)))))
