;; Made for the snapshot of wasi:http of November 2023, before 0.2.0 was.
(component
  (import "wasi:http/types@0.2.0-rc-2023-11-10" (instance (export "finish-incoming-stream" (func)))))
