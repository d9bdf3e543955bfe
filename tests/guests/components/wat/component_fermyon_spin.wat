;; Made for Spin 2 and later, by its oldest names.
(component
  (import "fermyon:spin/key-value@2.0.0" (instance (export "open" (func)))))
