;; wasi:config by the name that its interface had in the drafts.
(component
  (import "wasi:config/runtime@0.2.0-draft" (instance (export "get" (func)))))
