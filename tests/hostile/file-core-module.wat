;; A core module.
;; origin: files
;; stands: upload
;; bytes: core module
;; refused-at-load: core module
