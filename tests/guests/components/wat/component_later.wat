;; An interface that hythe has, with a function that no release of it has.
(component
  (import "wasi:clocks/wall-clock@0.2.99" (instance (export "leap-second" (func)))))
