;; Made for an interface that nobody but its author knows.
(component
  (import "acme:billing/ledger@1.2.3" (instance (export "post" (func)))))
