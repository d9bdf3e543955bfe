;; Made for wasi:blobstore.
(component
  (import "wasi:blobstore/blobstore@0.2.0-draft" (instance (export "create-container" (func)))))
