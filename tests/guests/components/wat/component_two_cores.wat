;; Two core instances with a memory each: a host that allows one instance or one memory a component
;; refuses it. Its run adds what both know.
(component
  (core module $half
    (memory (export "memory") 1)
    (data (i32.const 0) "\15")
    (func (export "know") (result i32) (i32.load8_u (i32.const 0))))
  (core module $whole
    (import "one" "know" (func $one (result i32)))
    (import "two" "know" (func $two (result i32)))
    (func (export "run") (result i32)
      (i32.ne (i32.add (call $one) (call $two)) (i32.const 42))))
  (core instance $one (instantiate $half))
  (core instance $two (instantiate $half))
  (core instance $it (instantiate $whole
    (with "one" (instance $one))
    (with "two" (instance $two))))
  (func $run (result (result)) (canon lift (core func $it "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
