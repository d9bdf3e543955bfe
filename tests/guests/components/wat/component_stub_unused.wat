;; A command with an import that hythe has not and that it never calls: under --stub-unknown it
;; ends well.
(component
  (import "acme:billing/ledger@1.2.3" (instance $ledger (export "post" (func))))
  (core func $post (canon lower (func $ledger "post")))
  (core module $inside
    (import "ledger" "post" (func $post))
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $it (instantiate $inside
    (with "ledger" (instance (export "post" (func $post))))))
  (func $run (result (result)) (canon lift (core func $it "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
