;; A component that wasmtime has compiled: code that the host would run as it is.
;; origin: files
;; stands: upload
;; bytes: precompiled
;; refused-at-load: precompiled or native
