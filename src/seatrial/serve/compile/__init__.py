"""A scikit-learn model becomes an ONNX file at load, and answers in its place where it answers alike and faster.

    prepare   the way in: which engine answers, from the cache or from a compilation; `seatrial compile`
    cache     verdicts and compiled models on disk
    job       the child process that compiles, so that the server never holds scikit-learn for it
    ──────────────────────────────────────────── in the child ────────────────────────────────────────────
    build     the story of one compilation: convert, check, time, say what came of it
    convert   estimator to ONNX; `trees` writes forests
    sample    rows that exercise the model, from the `landmarks` that it knows of its inputs
    equality  what counts as the same answer; also whether a model's rows are independent of their batch
    speed     both models timed side by side

`verdict` and `metadata` (a signature inside an ONNX file) are on both sides.
"""
