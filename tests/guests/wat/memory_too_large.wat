;; Asks for 3 GiB before it has done anything.
(module
  (memory (export "memory") 49152)
  (func (export "_start")))
