;; x
(module (func (export "f") (loop br 0)) (table 1 funcref) (global i32 (i32.const 1)))