;; Made for Spin, by its newer names.
(component
  (import "spin:postgres/postgres@4.0.0" (instance (export "open" (func)))))
