;; A wasi:http responder that asks for too much in one call, as the first letter of its path says, and
;; returns without a response where it was not ended for it:
;;   a  fields.from-list of 100,000 entries whose names are all the same megabyte
;;   b  the same of 1,000,000 small names
;;   c  poll of 5,000,000 times the same handle
;;   d  fields.has, the name being 64 MiB of UTF-16
;;   e  the same with a short name, once in UTF-16 and once in each form of latin1+utf16: traps when one
;;      of them is not found
;;   f  handles of a resource of its own, without end
;;   g  64 MiB of random bytes
;;   h  poll of a pollable of stdin 65,536 times, again and again
;;   i  fields.append of a value of 64 MiB
;;   j  UTF-16 that is none: half a surrogate pair
;; or its allocator, asked for room for an answer,
;;   k  never comes back
;;   l  traps
;;   m  gives room that lies outside of its memory
;;   n  gives room at an odd address for numbers
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $io-error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $p (eq $outer-pollable)))
    (export "input-stream" (type $input (sub resource)))
    (export "[method]input-stream.subscribe"
      (func (param "self" (borrow $input)) (result (own $p))))))
  (alias export $streams "input-stream" (type $input))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input (type $outer-input))
    (export "input-stream" (type $i (eq $outer-input)))
    (export "get-stdin" (func (result (own $i))))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:http/types@0.2.0" (instance $types
    (export "incoming-request" (type $request (sub resource)))
    (export "response-outparam" (type $outparam (sub resource)))
    (export "fields" (type $fields (sub resource)))
    (type $header-error' (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $header-error (eq $header-error')))
    (export "[method]incoming-request.path-with-query"
      (func (param "self" (borrow $request)) (result (option string))))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.has"
      (func (param "self" (borrow $fields)) (param "name" string) (result bool)))
    (export "[method]fields.append"
      (func (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
        (result (result (error $header-error)))))
    (export "[static]fields.from-list"
      (func (param "entries" (list (tuple string (list u8))))
        (result (result (own $fields) (error $header-error)))))))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $outparam))

  (core module $memory
    (memory (export "memory") 1600)
    (global $mood (mut i32) (i32.const 0))
    (func (export "set-mood") (param i32) (global.set $mood (local.get 0)))
    (global $next (mut i32) (i32.const 0x5000000)) ;; all below is the guest's own
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (if (i32.eq (global.get $mood) (i32.const 1)) (then (loop $on (br $on))))
      (if (i32.eq (global.get $mood) (i32.const 2)) (then unreachable))
      (if (i32.eq (global.get $mood) (i32.const 3)) (then (return (i32.const 0xfffffff0))))
      (if (i32.eq (global.get $mood) (i32.const 4)) (then (return (i32.const 0x5000001))))
      (local.set $at (global.get $next))
      (if (i32.gt_u (local.get $at) (i32.const 0x6000000)) ;; answers may lie over one another
        (then (local.set $at (i32.const 0x5000000))))
      (global.set $next (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 15))
                                 (i32.const -16)))
      (local.get $at)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))

  (type $own (resource (rep i32)))
  (core func $new (canon resource.new $own))
  (alias core export $memory "set-mood" (core func $set-mood))
  (core func $poll' (canon lower (func $poll "poll") (memory $mem) (realloc (core func $realloc))))
  (core func $subscribe (canon lower (func $streams "[method]input-stream.subscribe")))
  (core func $get-stdin (canon lower (func $stdin "get-stdin")))
  (core func $random' (canon lower (func $random "get-random-bytes") (memory $mem)
    (realloc (core func $realloc))))
  (core func $path (canon lower (func $types "[method]incoming-request.path-with-query")
    (memory $mem) (realloc (core func $realloc))))
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $has16 (canon lower (func $types "[method]fields.has") (memory $mem)
    string-encoding=utf16))
  (core func $has-latin1 (canon lower (func $types "[method]fields.has") (memory $mem)
    string-encoding=latin1+utf16))
  (core func $append (canon lower (func $types "[method]fields.append") (memory $mem)))
  (core func $from-list (canon lower (func $types "[static]fields.from-list") (memory $mem)
    (realloc (core func $realloc))))

  (core module $main
    (import "host" "memory" (memory 1))
    (import "host" "set-mood" (func $set-mood (param i32)))
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "host" "stdin" (func $stdin (result i32)))
    (import "host" "random" (func $random (param i64 i32)))
    (import "host" "path" (func $path (param i32 i32)))
    (import "host" "fields" (func $fields (result i32)))
    (import "host" "has16" (func $has16 (param i32 i32 i32) (result i32)))
    (import "host" "has-latin1" (func $has-latin1 (param i32 i32 i32) (result i32)))
    (import "host" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
    (import "host" "from-list" (func $from-list (param i32 i32 i32)))
    (data (i32.const 64) "x-a")
    (data (i32.const 80) "x\00-\00a\00")

    ;; `count` entries from 1 MiB on, all with a name of the same `len` bytes.
    (func $from (param $count i32) (param $len i32)
      (local $at i32) (local $i i32)
      (local.set $at (i32.const 0x100000))
      (loop $next
        (i32.store (local.get $at) (i32.const 0x3000000))
        (i32.store offset=4 (local.get $at) (local.get $len))
        (i32.store offset=8 (local.get $at) (i32.const 64))
        (i32.store offset=12 (local.get $at) (i32.const 3))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                               (local.get $count))))
      (call $from-list (i32.const 0x100000) (local.get $count) (i32.const 256)))

    ;; The same handle `count` times, from 1 MiB on.
    (func $handles (param $handle i32) (param $count i32)
      (local $i i32)
      (loop $next
        (i32.store offset=0x100000 (i32.shl (local.get $i) (i32.const 2)) (local.get $handle))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                               (local.get $count)))))

    (func $wait-on-many (param $count i32)
      (call $handles (call $subscribe (call $stdin)) (local.get $count))
      (call $poll (i32.const 0x100000) (local.get $count) (i32.const 256)))

    (func $find-in-every-encoding
      (local $fields i32)
      (local.set $fields (call $fields))
      (call $append (local.get $fields) (i32.const 64) (i32.const 3) (i32.const 64) (i32.const 1)
        (i32.const 256))
      (if (i32.load8_u (i32.const 256)) (then unreachable))
      (if (i32.eqz (call $has16 (local.get $fields) (i32.const 80) (i32.const 3)))
        (then unreachable))
      (if (i32.eqz (call $has-latin1 (local.get $fields) (i32.const 64) (i32.const 3)))
        (then unreachable))
      (if (i32.eqz (call $has-latin1 (local.get $fields) (i32.const 80) (i32.const 0x80000003)))
        (then unreachable)))

    (func (export "handle") (param $request i32) (param $outparam i32)
      (local $way i32)
      (call $path (local.get $request) (i32.const 128))
      (local.set $way (i32.load8_u offset=1 (i32.load offset=4 (i32.const 128))))
      (if (i32.eq (local.get $way) (i32.const 0x61))
        (then (call $from (i32.const 60000) (i32.const 0x100000))))
      (if (i32.eq (local.get $way) (i32.const 0x62))
        (then (call $from (i32.const 65537) (i32.const 1))))
      (if (i32.eq (local.get $way) (i32.const 0x63))
        (then (call $wait-on-many (i32.const 5000000))))
      (if (i32.eq (local.get $way) (i32.const 0x64))
        (then (drop (call $has16 (call $fields) (i32.const 0) (i32.const 0x2000000)))))
      (if (i32.eq (local.get $way) (i32.const 0x65))
        (then (call $find-in-every-encoding)))
      (if (i32.eq (local.get $way) (i32.const 0x66))
        (then (loop $on (drop (call $new (i32.const 1))) (br $on))))
      (if (i32.eq (local.get $way) (i32.const 0x67))
        (then (call $random (i64.const 0x4000000) (i32.const 256))))
      (if (i32.eq (local.get $way) (i32.const 0x68))
        (then
          (call $handles (call $subscribe (call $stdin)) (i32.const 65536))
          (loop $on
            (call $poll (i32.const 0x100000) (i32.const 65536) (i32.const 256))
            (br $on))))
      (if (i32.eq (local.get $way) (i32.const 0x69))
        (then (call $append (call $fields) (i32.const 64) (i32.const 3) (i32.const 0)
          (i32.const 0x4000000) (i32.const 256))))
      (if (i32.and (i32.ge_u (local.get $way) (i32.const 0x6b))
                   (i32.le_u (local.get $way) (i32.const 0x6e)))
        (then
          (call $set-mood (i32.sub (local.get $way) (i32.const 0x6a)))
          (call $wait-on-many (i32.const 3))))
      (if (i32.eq (local.get $way) (i32.const 0x6a))
        (then
          (i32.store16 (i32.const 300) (i32.const 0xd800))
          (drop (call $has16 (call $fields) (i32.const 300) (i32.const 1)))))))
  (core instance $main (instantiate $main (with "host" (instance
    (export "memory" (memory $mem))
    (export "set-mood" (func $set-mood))
    (export "new" (func $new))
    (export "poll" (func $poll'))
    (export "subscribe" (func $subscribe))
    (export "stdin" (func $get-stdin))
    (export "random" (func $random'))
    (export "path" (func $path))
    (export "fields" (func $fields))
    (export "has16" (func $has16))
    (export "has-latin1" (func $has-latin1))
    (export "append" (func $append))
    (export "from-list" (func $from-list))))))
  (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
    (canon lift (core func $main "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))
