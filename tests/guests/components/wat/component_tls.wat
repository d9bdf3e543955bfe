;; Made for wasi:tls.
(component
  (import "wasi:tls/types@0.2.0-draft" (instance (export "client-handshake" (func)))))
