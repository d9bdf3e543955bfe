;; Made for the last snapshot of wasi:http before 0.2.0.
(component
  (import "wasi:http/types@0.2.0-rc-2023-12-05" (instance (export "http-error-code" (func)))))
