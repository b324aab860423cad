"""The prediction log's reader: latency, quality and drift of what a server answered, by DuckDB over Parquet segments.

The server writes segments and never looks back (`seatrial.records.telemetry` is the contract between them), so that
queries cost it nothing. Here they are read: from a directory or a bucket, while the server goes on writing, and past any
file that a crash or a disk has damaged.

    window      which part, in which steps of time
    storage     where the segments lie
    log         opens them as views of DuckDB
    latency, quality, drift, sql, segments, labels    one question each, a record as the answer
    scores, distances    the statistics, pure
    text        records as tables to read
"""
