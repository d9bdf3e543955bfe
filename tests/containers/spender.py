"""A module that takes a page of memory after the other, and writes to it, until it gets no more."""

SPENDER = b"""(module (memory (export "memory") 1) (func (export "_start") (local i32 i32)
  (loop $next
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (local.get 0) (i32.const 1))
    (local.set 0 (i32.add (local.get 0) (i32.const 4096)))
    (local.set 1 (i32.mul (memory.size) (i32.const 65536)))
    (if (i32.ge_u (local.get 0) (local.get 1)) (then unreachable))
    (br $next))))
"""
