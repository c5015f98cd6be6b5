;; A program of the host's own machine.
;; origin: files
;; stands: upload
;; bytes: program
;; refused-at-load: precompiled or native
