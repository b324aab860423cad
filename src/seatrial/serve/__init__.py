"""The model server: a model file becomes a fast HTTP service. It stands alone, on `records` and nothing else of ours."""
