;; A megabyte of zeroes.
;; origin: files
;; stands: upload
;; bytes: zeroes
;; refused-at-load: not a component
