;; A component that is neither a command nor a handler.
(component
  (core module $inside
    (func (export "answer") (result i32) (i32.const 42)))
  (core instance $it (instantiate $inside))
  (func (export "answer") (result u32) (canon lift (core func $it "answer"))))
