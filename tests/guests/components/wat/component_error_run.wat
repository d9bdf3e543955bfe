;; A command of four lines whose run returns the error.
(component
  (core module $inside
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $it (instantiate $inside))
  (func $run (result (result)) (canon lift (core func $it "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.5" (instance $command)))
