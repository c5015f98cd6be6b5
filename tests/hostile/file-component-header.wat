;; A core module's sections behind the header of a component.
;; origin: files
;; stands: upload
;; bytes: component header
;; refused-at-load: damaged | compile
