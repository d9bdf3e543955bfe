;; Imports a function by itself, which only a host of its own can give.
(component
  (import "host-log" (func (param "line" string))))
