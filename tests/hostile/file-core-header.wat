;; A component's sections behind the header of a core module.
;; origin: files
;; stands: upload
;; bytes: core header
;; refused-at-load: core module
