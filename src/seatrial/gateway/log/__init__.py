"""The gateway's access log: followed line by line, counted into windows for the judge, kept as Parquet for questions.

Every request of every service passes here, whatever proxy wrote its line, and whether a release runs or not: the judge
wants to know how stable did before the canary came.
"""
